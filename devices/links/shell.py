"""A POSIX shell on a device, however it is reached, and the scripts that are run in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edgernn.errors import EnvironmentProblem


@dataclass(frozen=True)
class Finished:
    """A script that has ended.

    Attributes:
        status: its exit status.
        output: what it wrote.
        said: on standard error.
    """

    status: int
    output: bytes
    said: str

    @property
    def lines(self) -> dict[str, str]:
        """Lines of ``key=value``."""
        pairs = (line.partition("=") for line in self.output.decode(errors="replace").splitlines())
        return {key.strip(): value.strip() for key, equals, value in pairs if equals}


class Shell(Protocol):
    """A link that runs scripts and takes files.

    Attributes:
        name: of the device, for messages.
        kind: linux or android.
        root: a script that prints the folder in which everything of ours is kept.
    """

    name: str
    kind: str
    root: str

    def call(self, script: str, *, seconds: float = 60.0) -> Finished:
        """Run a script; everything in it that is data must have been quoted by `quote`.

        Raises:
            EnvironmentProblem: the link fails, or the time is over.
        """

    def send(self, files: Mapping[str, bytes], folder: str, executable: frozenset[str]) -> None:
        """Put files into a folder, which exists; those that are programs can be run.

        Raises:
            EnvironmentProblem: the link fails, or the device's disk is full.
        """

    def close(self) -> None:
        """Hang up."""


quote = shlex.quote


def call(shell: Shell, script: str, *, seconds: float = 60.0) -> Finished:
    """Run a script that must succeed.

    Raises:
        EnvironmentProblem: it does not, or the link fails.
    """
    done = shell.call(script, seconds=seconds)
    if done.status:
        said = done.said.strip().splitlines()
        found = said[-1] if said else f"exit status {done.status}"
        full = "No space left" in done.said
        raise EnvironmentProblem(
            f"device '{shell.name}': must carry out what it is told. Found: {found}",
            hint="free some space there." if full else "see whether the user may write to the home folder there.",
        )
    return done


OUT_OF_TIME, KILLED = 128 + 14, 128 + 9  # as a shell tells of SIGALRM and SIGKILL


def watched(command: str) -> str:
    """A script that runs a command no longer than its link lives; a runner ends by itself when its time is over.

    The link keeps the script's standard input open. When that ends, because the user pressed Ctrl-C, the time is over
    or the line is cut, the command is killed.
    """
    return f"""
exec 3<&0
{command} </dev/null 3<&- &
job=$!
( read -r line <&3; kill -9 $job ) >/dev/null 2>&1 &
leash=$!
exec 3<&-
wait $job
status=$?
kill $leash >/dev/null 2>&1
exit $status
"""


DESCRIBE = r"""
echo "architecture=$(uname -m)"
echo "system=$(uname -sr)"
echo "bits=$(getconf LONG_BIT 2>/dev/null)"
echo "home=$HOME"
echo "user=$(id -un 2>/dev/null || id -u)"
model=$(tr -d '\0' </proc/device-tree/model 2>/dev/null)
[ -n "$model" ] || model=$(sed -n 's/^[Mm]odel\( name\)\{0,1\}[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null |
  sed -n '/[^0-9]/{p;q;}')
echo "processor=$model"
echo "cores=$(grep -c '^processor' /proc/cpuinfo 2>/dev/null)"
echo "memory_kib=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo 2>/dev/null)"
echo "release=$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\).*/\1/p' /etc/os-release 2>/dev/null)"
"""

# What a board says of itself around a run; a line is missing where it says nothing.
CONDITION = r"""
for file in /sys/class/thermal/thermal_zone0/temp; do
  [ -r $file ] && echo "millidegrees=$(cat $file 2>/dev/null)"
done
for file in /sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq; do
  [ -r $file ] && echo "kilohertz=$(cat $file 2>/dev/null)"
done
command -v vcgencmd >/dev/null 2>&1 && vcgencmd get_throttled 2>/dev/null
true
"""

CLUSTERS = r"""
for folder in /sys/devices/system/cpu/cpu[0-9]*; do
  [ -r "$folder/cpufreq/cpuinfo_max_freq" ] && echo "${folder##*/cpu}=$(cat "$folder/cpufreq/cpuinfo_max_freq")"
done
true
"""


def condition(finished: Finished) -> dict[str, float | str]:
    """The measures in what `CONDITION` printed."""
    lines, found = finished.lines, dict[str, float | str]()
    if lines.get("millidegrees", "").lstrip("-").isdigit():
        found["temperature_c"] = int(lines["millidegrees"]) / 1000
    if lines.get("kilohertz", "").isdigit():
        found["clock_mhz"] = int(lines["kilohertz"]) / 1000
    if "throttled" in lines:
        found["throttled"] = lines["throttled"]
    return found


def clusters(finished: Finished) -> dict[str, int]:
    """Masks of the cores that share a highest clock, by ``1800 MHz``; none where there is one kind of core."""
    masks: dict[int, int] = {}
    for core, clock in finished.lines.items():
        if core.isdigit() and clock.isdigit():
            masks[int(clock)] = masks.get(int(clock), 0) | 1 << int(core)
    if len(masks) < 2:
        return {}
    return {f"{clock // 1000} MHz": mask for clock, mask in sorted(masks.items())}
