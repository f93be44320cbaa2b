"""LiteRT behind the stand-in for its class on Android; see org/tensorflow/lite/Interpreter.java."""

from __future__ import annotations

import struct
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    """Answer until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def received() -> bytes:
        (size,) = struct.unpack(">i", source.read(4))
        return source.read(size)

    interpreter = Interpreter(model_content=received(), num_threads=1)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    while command := source.read(1):
        if command == b"v":
            interpreter.reset_all_variables()
            continue
        for detail in inputs:
            array = np.frombuffer(received(), detail["dtype"]).reshape(detail["shape"])
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        for detail in outputs:
            content = interpreter.get_tensor(detail["index"]).tobytes()
            sink.write(struct.pack(">i", len(content)) + content)
        sink.flush()


if __name__ == "__main__":
    main()
