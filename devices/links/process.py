"""Runs a program of this machine that talks to a device, for so long at most."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence

from edgernn.devices.links.shell import Finished
from edgernn.errors import EnvironmentProblem


def run_for(words: Sequence[str], content: bytes | None, seconds: float, where: str) -> Finished:
    """Run it; without content its standard input stays open as long as it runs, and ends when we do.

    Raises:
        EnvironmentProblem: the time is over; it is killed.
    """
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said: list[bytes] = []
        listener = threading.Thread(target=lambda: said.append(process.stderr.read() if process.stderr else b""))
        listener.start()
        clock = threading.Timer(seconds, process.kill)
        clock.start()
        try:
            feeder = threading.Thread(target=_feed, args=(process, content))
            feeder.start()
            output = process.stdout.read()
            status = process.wait()
            feeder.join()
            listener.join()
        except BaseException:  # Ctrl-C
            process.kill()
            raise
        finally:
            late = not clock.is_alive()
            clock.cancel()
    if late and status < 0:
        raise EnvironmentProblem(
            f"{where}: must answer within {seconds:g} s. Found: no answer.", hint="check the link; or raise --seconds."
        )
    return Finished(status, output, b"".join(said).decode(errors="replace"))


def _feed(process: subprocess.Popen[bytes], content: bytes | None) -> None:
    if content is None or process.stdin is None:
        return
    try:
        process.stdin.write(content)
        process.stdin.close()
    except (BrokenPipeError, OSError):
        pass  # it ended early, and will say why
