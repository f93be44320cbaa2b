"""Runs a .tflite on invocations from a file; needs Python 3.9, NumPy and a LiteRT interpreter, and nothing of edgernn.

    python run_litert.py MODEL FOLDER WARMUP RUNS SECONDS RESETS

FOLDER has the file `input`; `output` and `times` (nanoseconds, 64 bits each) are written there. After SECONDS it ends
by SIGALRM. RESETS are the numbers of the invocations before which the states are set back. What it measured besides is
printed as lines of name=value.
"""

import os
import resource
import signal
import sys
import time

START = time.perf_counter_ns()


def interpreter_of(model):
    """The first interpreter that is installed, on one thread."""
    try:
        from ai_edge_litert.interpreter import Interpreter

        package = "ai-edge-litert"
    except ImportError:
        from tflite_runtime.interpreter import Interpreter

        package = "tflite-runtime"
    try:
        from importlib.metadata import version

        package += " " + version(package)
    except Exception:  # an old Python, or a package that was copied without its metadata
        pass
    return Interpreter(model_path=model, num_threads=1), package


def main():
    """Run, measure, write."""
    import numpy as np

    model, folder, warmup, runs, seconds, resets = sys.argv[1:7]
    signal.alarm(int(seconds))
    resets = {int(number) for number in resets.split(",") if number}
    interpreter, package = interpreter_of(model)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    kinds = [np.dtype(np.uint8 if d["dtype"] is np.bool_ else d["dtype"]).newbyteorder("<") for d in inputs]
    sizes = [int(np.prod(d["shape"])) * kind.itemsize for d, kind in zip(inputs, kinds)]
    with open(os.path.join(folder, "input"), "rb") as stream:
        content = stream.read()
    count, rest = divmod(len(content), sum(sizes))
    if rest or not count:
        sys.exit(f"input: must be whole invocations of {sum(sizes)} bytes. Found: {len(content)} bytes.")

    def feed(number):
        at = number * sum(sizes)
        for detail, kind, size in zip(inputs, kinds, sizes):
            array = np.frombuffer(content[at : at + size], kind).reshape(detail["shape"]).astype(detail["dtype"])
            interpreter.set_tensor(detail["index"], array)
            at += size

    def invoke():
        start = time.perf_counter_ns()
        interpreter.invoke()
        return time.perf_counter_ns() - start

    ready, first = time.perf_counter_ns() - START, 0
    with open(os.path.join(folder, "output.part"), "wb") as stream:
        for number in range(count):
            if number in resets:
                interpreter.reset_all_variables()
                restart(interpreter)
            feed(number)
            taken = invoke()
            first = first or taken
            for detail in outputs:
                array = interpreter.get_tensor(detail["index"])
                array = array.astype(np.uint8) if array.dtype == np.bool_ else array
                stream.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
        stream.flush()
        os.fsync(stream.fileno())
    for number in range(int(warmup)):
        feed(number % count)
        invoke()
    times = np.empty(int(runs), np.int64)
    for number in range(int(runs)):
        feed(number % count)
        times[number] = invoke()
    with open(os.path.join(folder, "times.part"), "wb") as stream:
        stream.write(times.astype("<i8").tobytes())
    for name in ("output", "times"):
        os.replace(os.path.join(folder, name + ".part"), os.path.join(folder, name))
    print(f"runtime={package}, Python {sys.version.split()[0]}")
    print(f"cold_start_ns={ready + first}")
    print(f"rss_kib={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


def restart(interpreter):
    """Set the states of a stream back that the file keeps in resource variables."""
    if "reset" in interpreter.get_signature_list():
        interpreter.get_signature_runner("reset")()


if __name__ == "__main__":
    main()
