"""The arena that TFLite-Micro needs for an artifact, found by trying.

Pointers have 64 bits here, so an arena is a little larger than on a 32-bit device.
"""

from __future__ import annotations

import os

from edgernn import guarded
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.micro import Arena, MicroSession, find_micro_interpreter
from edgernn.errors import EnvironmentProblem

ALIGNMENT = 16


def arena_bytes(content: bytes) -> Arena:
    """The arena that stays allocated while an artifact runs.

    Raises:
        InputError: damaged, or TFLite-Micro cannot run it.
        EnvironmentProblem: TFLite-Micro is not installed.
    """
    session = MicroSession(read_tflite(content))
    session.run({info.name: info.noise() for info in session.inputs})
    return session.arena()


def smallest_arena(content: bytes) -> int:
    """The smallest arena in which an artifact starts and runs, in steps of 16 bytes.

    It is at least what stays allocated. Planning where the tensors go can need more than that, by tens of KiB where
    there are hundreds of tensors.

    Raises:
        InputError: damaged, or TFLite-Micro cannot run it.
        EnvironmentProblem: TFLite-Micro is not installed.
    """
    used = arena_bytes(content).used  # says by an error of its own what is wrong, if anything is
    try:
        with guarded.Child(fresh=True) as child:
            return child.call(_search, content, used, seconds=60)
    except guarded.ChildError as error:
        raise EnvironmentProblem(f"arena: the search must end. Found: {error.reason}.") from error


def runs_in(content: bytes, size: int) -> bool:
    """Whether TFLite-Micro runs the artifact in an arena of `size` bytes.

    It is tried in another process: some kernels do not check whether they were given memory, and crash. That process
    is a fork, which is quick, so call this only where there are no other threads.
    """
    find_micro_interpreter()  # once, before the fork
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    try:
        session = MicroSession(read_tflite(content), size)
        session.run({info.name: info.noise() for info in session.inputs})
    except BaseException:  # whatever it is, the answer is no, and nothing of the parent's may run here
        os._exit(1)
    os._exit(0)


def _search(content: bytes, used: int) -> int:
    if runs_in(content, used):
        return used
    too_small, enough = used // ALIGNMENT * ALIGNMENT, 2 * used
    while not runs_in(content, enough):
        too_small, enough = enough, 2 * enough
    while enough - too_small > ALIGNMENT:
        middle = (too_small + enough) // 2 // ALIGNMENT * ALIGNMENT
        if runs_in(content, middle):
            enough = middle
        else:
            too_small = middle
    return enough
