"""What to do about a class that is not read; see also `docs/supported-layers.md`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from edgernn.converters.keras import known

GENERAL = "'edgernn layers' lists what is read."
SUBCLASSED = (
    "rebuild it functionally, with the same layers and weights: x = keras.Input((steps, features)); "
    "model = keras.Model(x, net.call(x)), where net is yours and its call uses layers of Keras alone."
)
OWN_LAYER = (
    "code of your own is not in the file: build it of Keras's layers; if its call uses these alone, write "
    "layer.call(x) in place of layer(x) where you build the model, which keeps its weights."
)
_TEXT = (
    "texts and categories become integers before the model, in your own program: begin the model with "
    "keras.Input((steps,), dtype='int32') and keras.layers.Embedding."
)
_IMAGES = (
    "edgernn converts sequences, which have one axis of steps: keras.layers.Conv1D and its kin over [steps, features]; "
    "keras.layers.Reshape makes rows of an image steps."
)

# The first pattern that matches the whole name tells.
_ADVICE = (
    (
        ".*Attention",
        "attention holds every step against every other, which has no form here: answer with the last state "
        "(return_sequences=False) or with keras.layers.GlobalAveragePooling1D over the steps, and train again.",
    ),
    ("TextVectorization|.*Lookup|Hash.*|CategoryEncoding|Discretization|FeatureSpace", _TEXT),
    (
        "MelSpectrogram|STFTSpectrogram",
        "compute the frames before the model; edgernn.audio.LogMel makes some.",
    ),
    ("ConvLSTM.*", "keras.layers.Conv1D in a TimeDistributed, then LSTM, comes close; train again."),
    ("Conv1DTranspose", "keras.layers.UpSampling1D and then Conv1D do the same work; train again."),
    ("AdaptiveAverage.*1D", "keras.layers.AveragePooling1D with a pool_size of your own, or GlobalAveragePooling1D."),
    ("AdaptiveMax.*1D", "keras.layers.MaxPooling1D with a pool_size of your own, or GlobalMaxPooling1D."),
    (".*[23]D(Transpose)?", _IMAGES),
    (
        "Random.*|AugMix|RandAugment|AutoContrast|CutMix|MixUp|Solarization|.*Equalization",
        "augmentation acts in training alone: apply it to the training data, and leave it out of the model.",
    ),
    ("Resizing|CenterCrop|MaxNumBoundingBoxes", "prepare the input before the model."),
    ("SpectralNormalization", "it acts in training alone: save a model of the layer that it wraps."),
    (
        "(Group|RMS|Unit|Instance|Batch)Normalization.*|SyncBatchNorm.*",
        "keras.layers.LayerNormalization and BatchNormalization are read; train again with one of these.",
    ),
    (
        "EinsumDense",
        "keras.layers.Dense acts on the last axis, which is the same for most equations; else add Permute.",
    ),
    ("ReversibleEmbedding", "keras.layers.Embedding, and a Dense for the way back."),
    ("TorchModuleWrapper|JaxLayer|FlaxLayer|TFSMLayer", "it holds another framework's program: use Keras's layers."),
    ("CuDNN(LSTM|GRU)", r"closest supported class: '\1'."),
    ("Lambda", "code in a model file is never run: compute it outside of the model, or use layers such as Rescaling."),
    ("TFOpLambda", "use a layer such as keras.layers.Add in place of the operation."),
    ("SlicingOpLambda", "slice outside of the model, or use keras.layers.Cropping1D."),
)


def instead_of(class_name: str, allowed: Collection[str] = known.SUPPORTED, *, own: bool = False) -> str:
    """The hint for a class that is not read.

    Args:
        class_name: as the file has it.
        allowed: that may stand in its place.
        own: whether it is no class of Keras.
    """
    if own:
        return OWN_LAYER
    for pattern, advice in _ADVICE:
        if found := re.fullmatch(pattern, class_name):
            return found.expand(advice)
    # Names that are nearly the same, as of a slip or another release; the nearest in the alphabet says nothing.
    match = difflib.get_close_matches(class_name[:80], sorted(allowed), n=1, cutoff=0.75)
    return f"closest supported class: '{match[0]}'." if match else GENERAL
