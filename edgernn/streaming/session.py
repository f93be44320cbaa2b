"""A stream in Python: one frame in, one answer out, whatever the scheme and the runtime."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

import numpy as np

from edgernn.artifact_source import ArtifactSource
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import Array, TensorInfo
from edgernn.errors import InputError
from edgernn.id_tables import table_rows
from edgernn.running import chosen_runtime, masks_of, read_artifact
from edgernn.streaming.description import describe
from edgernn.streaming.given import checked
from edgernn.streaming.steppers import CStepper, Stepper, TensorStepper, at_ends

Frame = Any  # an array [features], [hop, features], or a dict of them by input


class StreamingSession:
    """A streamed artifact that is ready to run, from its beginning.

    ```python
    with edgernn.StreamingSession("model.tflite") as session:
        for frame in frames:           # [features], real numbers
            answer = session.step(frame)  # the output, real numbers, or None
    ```

    Attributes:
        hop: frames per step of the model.
        delay: frames that pass before the first answer, beyond those of one step.
        frames: frames since the last reset.
        steps: of the model since then; a frame that waits for the rest of its hop is none.
        saturated: steps after which an element of a state lay at the end of its range, by state; None where the runtime
            keeps the states to itself. An element that is what it was at the beginning does not count.
        table_rows: of the tables that inputs pick from, by input.
    """

    def __init__(self, artifact: ArtifactSource, runtime: str | None = None) -> None:
        """Open an artifact that was converted with `streaming`, or a folder of C that has a step.

        Args:
            artifact: path or content of a .tflite, or a folder of C, or what `edgernn.convert` returned.
            runtime: litert, micro or c; by default the artifact's usual one.

        Raises:
            InputError: it is no stream, or the runtime does not take it.
            EnvironmentProblem: the runtime is not installed.
        """
        read = read_artifact(artifact)
        stream = describe(read.own, read.inputs, read.outputs)
        wanted = chosen_runtime(read, runtime)
        self._stepper: Stepper
        if isinstance(read.content, CProject):
            self._stepper = CStepper(read.content, stream)
        else:
            self._stepper = TensorStepper(read.open(wanted), stream)
        self.runtime, self.description = wanted, self._stepper.description
        self.hop, self.delay = stream.hop, stream.delay
        self._timed = dict(zip((info.name for info in self._stepper.inputs), stream.timed, strict=True))
        self._answers = stream.answers
        self._masks = masks_of(read)
        self.table_rows = table_rows(read)
        self.inputs = tuple(info for info in self._stepper.inputs if info.name not in self._masks)
        self.outputs = self._stepper.outputs
        self.reset()

    def __enter__(self) -> StreamingSession:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open."""

    def reset(self) -> None:
        """Forget all frames: the same frames then give the same answers again."""
        self._stepper.reset()
        self.frames, self.steps = 0, 0
        self._waiting: list[dict[str, Array]] = []
        self._initial = {name: array.copy() for name, array in self._stepper.states()}
        self.saturated: dict[str, int] | None = {} if self._stepper.has_states else None

    def step(self, frame: Frame) -> Any:
        """Take one frame, or a hop of them.

        Args:
            frame: real numbers (or ids) `[features]`, or `[hop, features]`; a dict of them by name for several inputs.

        Returns:
            The output without its batch axis, float32, with a time axis only if a step gives several elements; a dict
            by name of several outputs. None while the model waits for more frames.

        Raises:
            InputError: the frame has another shape, holds something else than finite numbers, or an id that the model
                does not have. The stream is then what it was before.
        """
        given = self._given(frame)
        whole = all(array.shape == self._shape(info, whole=True) for info, array in self._pairs(given))
        if not whole:
            single = all(array.shape == self._shape(info, whole=False) for info, array in self._pairs(given))
            if not single:
                raise self._misfit(given)
            self.frames += 1
            self._waiting.append(given)
            if len(self._waiting) < self.hop:
                return None
            rows, self._waiting = self._waiting, []
            given = {
                info.name: np.stack([row[info.name] for row in rows]) if self._timed[info.name] else rows[-1][info.name]
                for info in self.inputs
            }
            if self.hop == 1:
                given = rows[0]
        else:
            if self._waiting:
                raise InputError(
                    f"frame {self.frames}: must be a single one until the hop is full. Found: a whole hop.",
                    hint=f"give {self.hop - len(self._waiting)} more single frames first, or reset.",
                )
            self.frames += self.hop
        return self._advance(given)

    def run(self, frames: Iterable[Frame]) -> Iterator[Any]:
        """The answers to many frames, those that are none left out."""
        for frame in frames:
            answer = self.step(frame)
            if answer is not None:
                yield answer

    def _advance(self, given: Mapping[str, Array]) -> Any:
        fed = {info.name: info.quantize(given[info.name][None]).reshape(info.shape) for info in self.inputs}
        for name, (source, value) in self._masks.items():
            info = next(each for each in self._stepper.inputs if each.name == name)
            fed[name] = (given[source] != np.float32(value)).any(-1).reshape(info.shape)
        found = self._stepper.advance(fed)
        self.steps += 1
        self._count_saturation()
        answers = {}
        for info, answer in zip(self.outputs, self._answers, strict=True):
            if self.steps <= answer.skip:
                continue
            real = info.dequantize(found[info.name])[0]
            if answer.first and self.steps == answer.skip + 1:
                real = real[answer.first :]
            answers[info.name] = real
        if not answers:
            return None
        return answers if len(self.outputs) > 1 else next(iter(answers.values()))

    def _count_saturation(self) -> None:
        if self.saturated is None:
            return
        for name in at_ends(self._stepper.states(), self._initial):
            self.saturated[name] = self.saturated.get(name, 0) + 1

    # --- frames -----------------------------------------------------------------------------------------------------

    def _given(self, frame: Frame) -> dict[str, Array]:
        where = f"frame {self.frames}"
        names = [info.name for info in self.inputs]
        if not isinstance(frame, Mapping):
            if len(names) > 1:
                raise InputError(
                    f"{where}: must be a dict of {', '.join(names)}. Found: one array.",
                    hint=f"give them by name; in a line of JSON, {json.dumps({name: [0.5] for name in names})}.",
                )
            frame = {names[0]: frame}
        if set(frame) != set(names):
            missing = [name for name in names if name not in frame]
            raise InputError(
                f"{where}: must hold {', '.join(names)}. Found: {', '.join(map(str, frame)) or 'nothing'}.",
                hint=f"add '{missing[0]}'." if missing else "leave out what is no input.",
            )
        given = {
            info.name: checked(frame[info.name], info, self.table_rows.get(info.name), where) for info in self.inputs
        }
        for info, array in self._pairs(given):
            if array.shape == (1,) and not self._shape(info, whole=False):
                given[info.name] = array.reshape(())  # a line with one id
        return given

    def _pairs(self, given: Mapping[str, Array]) -> list[tuple[TensorInfo, Array]]:
        return [(info, given[info.name]) for info in self.inputs]

    def _shape(self, info: TensorInfo, *, whole: bool) -> tuple[int, ...]:
        """Of a whole hop, or of one frame of it."""
        shape = info.shape[1:]
        if not self._timed[info.name]:
            return shape
        element = shape if self.hop == 1 else shape[1:]
        if not whole:
            return element
        return (self.hop, *element)

    def _misfit(self, given: Mapping[str, Array]) -> InputError:
        wanted = {info.name: (self._shape(info, whole=False), self._shape(info, whole=True)) for info in self.inputs}
        words = "; ".join(
            f"'{name}' {list(one)}" + (f" or {list(hop)}" if one != hop else "") for name, (one, hop) in wanted.items()
        )
        found = ", ".join(str(list(array.shape)) for array in given.values())
        return InputError(
            f"frame {self.frames}: must have the shape {words}. Found: {found}.", hint=self._fitting(given)
        )

    def _fitting(self, given: Mapping[str, Array]) -> str:
        """What to do about frames of another shape."""
        array, *others = given.values()
        one, hop = (self._shape(self.inputs[0], whole=whole) for whole in (False, True))
        if not others and array.ndim > 1 and array.shape[1:] == one:
            count = f"{self.hop} at a time, or " if self.hop > 1 else ""
            return f"give the frames {count}one by one, as run(frames) does."
        if not others and array.shape[:1] == (1,) and array.shape[1:] in (one, hop, (1, *one)):
            return "leave the batch axis out."
        return "give as many numbers as the model was trained on, without a batch axis."
