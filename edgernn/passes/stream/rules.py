"""What can be streamed and what cannot: the rules, whose sentences are in error messages and in the documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A rule about streams.

    Attributes:
        sentence: what must be.
        layers: the Keras layers and options that break it.
        instead: what to do about it.
    """

    sentence: str
    layers: str
    instead: str


class NoStreamError(Exception):
    """The model cannot be streamed; the message says why, `hint` what to do.

    Attributes:
        hop: a hop with which it would work, if the hop alone is wrong.
    """

    def __init__(self, rule: Rule, layer: str, found: str, *, hop: int = 0) -> None:
        """Name the layer, the rule and what was found.

        Args:
            rule: that is broken.
            layer: where.
            found: in a few words.
            hop: one that keeps the rule.
        """
        self.rule, self.hint, self.hop = rule, rule.instead, hop
        super().__init__(f"layer '{layer}': {rule.sentence} Found: {found}.")


SEQUENCE = Rule(
    "a stream needs a sequence as input.",
    "models whose inputs have no time axis, or several of different lengths",
    "convert without --streaming.",
)
FORWARD = Rule(
    "a stream must be read from its beginning to its end.",
    "Bidirectional, go_backwards=True, Reverse",
    "use the forward layer alone; a recurrence from the end has no form with a bounded look ahead, but a Conv1D with "
    "padding='same' and --lookahead has.",
)
PRESENT = Rule(
    "must not depend on frames that are still to come.",
    "Conv1D, DepthwiseConv1D and MaxPooling1D with padding='same', ZeroPadding1D behind the sequence",
    "use padding='causal', or allow that answers come later with --lookahead FRAMES; the padding behind the sequence's "
    "end then never takes part.",
)
LED = Rule(
    "padding before the sequence must be taken up by the convolution behind it.",
    "ZeroPadding1D before anything but a convolution or pooling of at least that size",
    "leave it out, use Conv1D with padding='causal', or allow that answers come later with --lookahead FRAMES.",
)
WHOLE = Rule(
    "must not need the whole sequence at once.",
    "Flatten, Permute, Reshape or UpSampling1D over the steps, softmax over steps, attention, Dot of every step with "
    "every other one, a sequence joined with its last state",
    "use the last state of a recurrent layer, or global pooling.",
)
POOLED = Rule(
    "a mean over a stream must be one of as many frames everywhere.",
    "AveragePooling1D with padding='same' that pads",
    "choose padding='valid', or MaxPooling1D.",
)
EXACT = Rule(
    "a mean or sum over all steps must be computed in float numbers: integers would round differently in every step.",
    "GlobalAveragePooling1D with int8 or int16x8",
    "use GlobalMaxPooling1D, which is exact, or the scheme dynamic.",
)
KNOWN_START = Rule(
    "a recurrent layer must begin with a known state.",
    "initial_state that the model computes, such as a decoder's",
    "stream the encoder alone.",
)
SAME_WEIGHTS = Rule(
    "must do the same at every step.",
    "constants or weights with a time axis",
    "leave them out.",
)
FLAT_LOOP = Rule(
    "a step of a recurrence must not hold a recurrence of its own over the stream.",
    "TimeDistributed around a recurrent layer",
    "put the recurrent layer behind it.",
)
HOP = Rule(
    "a hop must be a multiple of the strides before it.",
    "strides, pooling, with a --hop that they do not divide",
    "leave --hop out, or choose a multiple.",
)
LARGEST_STEP = 1 << 22
SHORT = Rule(
    f"a step must have no tensor of more than {LARGEST_STEP} elements.",
    "a --hop of more frames than any step needs",
    "choose a smaller --hop.",
)
RULES = (SEQUENCE, FORWARD, PRESENT, LED, WHOLE, POOLED, EXACT, KNOWN_START, SAME_WEIGHTS, FLAT_LOOP, HOP, SHORT)
STREAMS = (
    ("LSTM, GRU, SimpleRNN, stacked too", "their states", "0"),
    ("Conv1D with padding='causal'", "a ring of (size - 1) x dilation frames", "0"),
    (
        "Conv1D, DepthwiseConv1D, SeparableConv1D with padding='valid'",
        "the same ring, and for how long it fills",
        "(size - 1) x dilation frames",
    ),
    ("the same with padding='same' and --lookahead", "the same ring", "what is looked ahead"),
    (
        "MaxPooling1D, AveragePooling1D, strides",
        "a ring of what a window shares with the next",
        "until a window is full",
    ),
    ("ZeroPadding1D before a convolution", "nothing more than the convolution's ring", "0"),
    (
        "ZeroPadding1D before other layers, with --lookahead",
        "a ring of the padded frames",
        "0, but an answer comes later by as many frames",
    ),
    (
        "MaxPooling1D with padding='same'",
        "the same as 'valid'; what it pads behind needs --lookahead",
        "until a window is full",
    ),
    ("Cropping1D", "nothing; where the model answers once, the frames cropped behind", "the cropped frames"),
    ("Dense, TimeDistributed, Embedding, normalization, activations, Masking, merging layers", "nothing", "0"),
    ("branches that wait differently", "a ring for the faster one", "that of the slower"),
    ("GlobalMaxPooling1D", "the largest so far", "0"),
    ("GlobalAveragePooling1D in float32, float16 and dynamic", "the mean so far and the number of frames", "0"),
    ("inputs without a time axis", "nothing: given with every hop", "0"),
)
