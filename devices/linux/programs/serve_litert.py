"""Answers lines of numbers with lines of JSON; needs Python 3.9, NumPy and LiteRT, and nothing of edgernn.

    python serve_litert.py MODEL DESCRIPTION

Reads standard input and writes standard output. A line holds the numbers of a frame, or of a whole hop; of a model that
is no stream, those of a window; commas, blanks and brackets separate them. `reset` begins anew. A line that is none of
these is answered by an error, and the next one is read.
"""

import json
import math
import sys

import numpy as np
from run_litert import interpreter_of, restart

LONGEST = 32  # characters of a number
LARGEST = float(np.finfo(np.float32).max)


class Model:
    """An interpreter that is fed numbers and keeps the states of a stream."""

    def __init__(self, path, about):
        """Load it, and begin."""
        self.interpreter, _ = interpreter_of(path)
        self.interpreter.allocate_tensors()
        self.about = about
        self.inputs = list(zip(about["inputs"], self.interpreter.get_input_details()))
        self.outputs = list(zip(about["outputs"], self.interpreter.get_output_details()))
        self.fresh = True
        self.reset()

    def reset(self):
        """Forget all frames."""
        self.waiting, self.lines, self.steps = [], 0, 0
        self.states = [initial(d, about["initial"]) for about, d in self.inputs if "initial" in about]
        if not self.fresh:
            self.interpreter.reset_all_variables()
            restart(self.interpreter)
        self.fresh = True

    def take(self, numbers):
        """A line of numbers; returns an answer, or None while there is none."""
        frame, hop = self.about["frame"], self.about["hop"]
        if len(numbers) == frame * hop and not self.waiting:
            self.lines += hop
        elif len(numbers) == frame:
            self.lines += 1
            self.waiting += numbers
            if len(self.waiting) < frame * hop:
                return None
            numbers, self.waiting = self.waiting, []
        else:
            also = f" or {frame * hop:,}" if hop > 1 else ""
            raise ValueError(f"must be {frame:,}{also} numbers. Found: {len(numbers):,}.")
        found = self.step(np.array(numbers, np.float32))
        if not found:
            return None
        several = sum(not about["state"] for about, _ in self.outputs) > 1
        answer = {"outputs": dict(found)} if several else {"output": found[0][1]}
        return {self.about["counted"]: self.lines - 1, **answer}

    def step(self, real):
        """One invocation; returns the names and values of the outputs that are valid."""
        states = iter(self.states)
        for about, detail in self.inputs:
            if "initial" in about:
                array = next(states)
            elif "differs_from" in about:
                rows = real.reshape(-1, self.about["features"])
                array = (rows != np.float32(about["differs_from"])).any(-1).reshape(detail["shape"])
            else:
                array = quantized(real.reshape(detail["shape"]), about, detail["dtype"])
            self.interpreter.set_tensor(detail["index"], array)
        self.interpreter.invoke()
        self.steps, self.fresh = self.steps + 1, False
        arrays = [(about, self.interpreter.get_tensor(detail["index"])) for about, detail in self.outputs]
        self.states = [array for about, array in arrays if about["state"]]
        found = []
        for about, array in arrays:
            if about["state"] or self.steps <= about["skip"]:
                continue
            values = array.astype(np.float64)
            if about["scale"]:
                values = (values - about["zero_point"]) * about["scale"]
            values = values.astype(np.float32)[0]
            if about["first"] and self.steps == about["skip"] + 1:
                values = values[about["first"] :]
            found.append((about["name"], words(values)))
        return found


def initial(detail, value):
    """A state before the first step: 0 stands for zeros, a list of one for many that are equal."""
    zero = detail["quantization"][1]
    values = np.asarray([zero] if value == 0 else value, detail["dtype"])
    return np.full(detail["shape"], values[0]) if values.size == 1 else values.reshape(detail["shape"])


def quantized(real, about, dtype):
    """Real numbers as the model takes them."""
    if not about["scale"]:
        return real.astype(dtype)
    limits = np.iinfo(dtype)
    integers = np.round(real.astype(np.float64) / about["scale"]) + about["zero_point"]
    return np.clip(integers, limits.min, limits.max).astype(dtype)


def words(values):
    """Numbers as JSON has them, which knows no NaN."""
    if values.ndim:
        return [words(row) for row in values]
    return float(values) if math.isfinite(values) else None


def numbers_in(line):
    """The numbers of a line.

    Raises:
        ValueError: something else is there.
    """
    found = [float(word) for word in line.translate(str.maketrans("[],;", "    ")).split()]
    if not all(abs(number) <= LARGEST for number in found):
        raise ValueError
    return found


def main():
    """Answer until the input ends."""
    with open(sys.argv[2]) as stream:
        about = json.load(stream)
    model = Model(sys.argv[1], about)
    limit = LONGEST * (about["frame"] * about["hop"] + 2)
    number = 0
    while True:
        line = sys.stdin.buffer.readline(limit)
        if not line:
            return
        number += 1
        whole = line.endswith(b"\n")
        while line and not line.endswith(b"\n"):  # what is left of a line that is too long
            line = sys.stdin.buffer.readline(limit)
            whole = whole or not line
        text = line.decode("ascii", "replace").strip() if whole else "?"
        if not text:
            continue
        try:
            answer = model.take(numbers_in(text)) if text != "reset" else {"reset": model.reset() is None}
        except ValueError as error:
            said = str(error) if str(error).startswith("must") else "must be numbers, finite ones."
            answer = {"line": number, "error": said}
        if answer is not None:
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
