"""``edgernn stream``."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from edgernn.cli.output import json_option, note, say
from edgernn.cli.values import PLACE
from edgernn.documents import json_text

_SLOWEST = 1e-5  # frames per second; a pause of longer than a day is a slip, and the system's clock has limits


@click.command()
@click.argument("artifact", type=PLACE)
@click.option(
    "--input",
    "source",
    required=True,
    help="Frames: a .csv, .npy, .npz or .wav file, or - for lines on standard input.",
)
@click.option("--runtime", metavar="litert|micro|c", help="What runs it.  [default: the artifact's usual one]")
@click.option("--rate", type=float, help="Frames per second, to feed as a sensor does.  [default: as fast as it goes]")
@click.option(
    "--front-end",
    type=click.Choice(["log-mel"]),
    help="What makes frames of a .wav: log-mel, 16 kHz, 40 ms every 20 ms, as many bands as the model takes.",
)
@json_option
def command(
    artifact: Path, source: str, runtime: str | None, rate: float | None, front_end: str | None, as_json: bool
) -> None:
    """Feed frames to ARTIFACT, a stream, and print a line of JSON for each answer as it comes.

    How long a step took follows, Python's part included: for people, or, with --json, as one more line.
    """
    from edgernn.audio import LogMel
    from edgernn.errors import InputError
    from edgernn.streaming.frames import read_frames
    from edgernn.streaming.session import StreamingSession

    if rate is not None and not _SLOWEST <= rate < math.inf:
        raise InputError(
            f"rate: must be at least {_SLOWEST:g} frames per second, one in a day. Found: {rate:g}.",
            hint="leave --rate out for no pauses.",
        )
    session = StreamingSession(artifact, runtime)
    width = math.prod(session.inputs[0].shape[1:]) // session.hop
    ears = LogMel(bands=width) if front_end else None
    times: list[float] = []
    answers = 0
    frames = read_frames(source, width, sys.stdin, ears)
    begin = time.perf_counter()
    said = 0
    try:
        for number, frame in enumerate(frames):
            for text in frames.notes[said:]:
                note(f"note: {text}")
            said = len(frames.notes)
            if rate is not None:
                time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            before, start = session.steps, time.perf_counter()
            try:
                answer = session.step(frame)
            except InputError as error:
                raise InputError(f"{frames.where}, {error.message}", hint=error.hint) from error
            if session.steps > before:  # else the frame only waits for the rest of its hop
                times.append(time.perf_counter() - start)
            if answer is not None:
                answers += 1
                say(json_text({"frame": session.frames - 1, **_words(answer)}))
    finally:
        if session.frames:
            _tell(_summary(session, times, answers), as_json=as_json)
        if session.frames and not answers:
            note(f"note: no answer: it needs {session.hop + session.delay} frames, {_why(session)}.")
        for state, count in (session.saturated or {}).items():
            note(f"note: state '{state}' was at the end of its range after {count} of {session.steps} steps.")


def _tell(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say(json_text(summary))
        return
    latency = ", ".join(f"{name} {number:,.1f} us" for name, number in (summary["latency_us"] or {}).items())
    took = f"a step took {latency}" if latency else "no step"
    note(f"{summary['frames']:,} frames, {summary['answers']:,} answers, {summary['runtime']}; {took}.")


def _why(session: Any) -> str:
    """What makes the first answer wait."""
    hop = f"a hop of {session.hop}"
    return f"{hop} and a delay of {session.delay}" if session.delay else hop


def _words(answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {"outputs": {name: array.tolist() for name, array in answer.items()}}
    return {"output": answer.tolist()}


def _summary(session: Any, times: list[float], answers: int) -> dict[str, Any]:
    taken = 1e6 * np.asarray(times)
    percentiles = {f"p{p}": round(float(np.percentile(taken, p)), 1) for p in (50, 90, 99, 100)} if times else None
    return {
        "schema": "edgernn.stream",
        "version": 1,
        "runtime": session.description,
        "hop": session.hop,
        "delay": session.delay,
        "frames": session.frames,
        "steps": session.steps,
        "answers": answers,
        "latency_us": percentiles,
        "saturated": session.saturated,
    }
