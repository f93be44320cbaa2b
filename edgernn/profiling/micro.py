"""What TFLite-Micro says of an artifact: whether it loads and runs, in how much memory, with which operators."""

from __future__ import annotations

from dataclasses import dataclass

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.arena import arena_bytes, smallest_arena
from edgernn.devices.host.micro import Arena
from edgernn.devices.host.probe import LoadedOnlyError, probe
from edgernn.devices.host.resolver import Resolver, resolver
from edgernn.errors import EnvironmentProblem, InputError


@dataclass(frozen=True)
class Micro:
    """TFLite-Micro's answers.

    Attributes:
        loads: whether it takes the file and finds memory for it.
        runs: whether it then computes.
        reason: why not, in its own words.
        arena: bytes that stay allocated; None if it does not run.
        smallest: bytes of the smallest arena in which it starts and runs; likewise.
        resolver: what a firmware must register.
    """

    loads: bool
    runs: bool
    reason: str
    arena: Arena | None
    smallest: int | None
    resolver: Resolver


def profile_micro(file: TfliteFile) -> tuple[Micro | None, tuple[str, ...]]:
    """Run an artifact on TFLite-Micro; None and a note if that is not installed."""
    needed = resolver(file)
    try:
        probe(file, "micro")
    except EnvironmentProblem as error:
        return None, (f"no arena: {error}",)
    except InputError as error:
        reason = error.message.partition("Found: ")[2].removesuffix(".") or error.message
        return Micro(isinstance(error, LoadedOnlyError), False, reason, None, None, needed), ()
    return Micro(True, True, "", arena_bytes(file.content), smallest_arena(file.content), needed), ()
