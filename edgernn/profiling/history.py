"""Earlier profiles: a history that only grows, and whether a later profile is worse than an earlier one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgernn.errors import EnvironmentProblem, InputError
from edgernn.files import DISK_FULL, append_line, destination
from edgernn.profiling.document import SCHEMA, VERSION

_HINT = "give what 'edgernn profile --json' printed, or a file that --history wrote."
# What a regression is judged by. All of it is better when it is less. Cold start and resident memory are shown, but not
# judged: they depend on what the system has in its caches, by more than any limit that is of use.
_JUDGED = (
    *("model_bytes", "activation_bytes", "arena_bytes", "latency_us.p50"),
    *("flash_engine_bytes", "ram_bytes", "instructions_per_step"),  # of C on an emulated machine
)
_SHOWN = ("latency_us.p99", "cold_start_us", "rss_bytes")
_OF_THE_MACHINE = ("latency_us.p50", "latency_us.p99", "cold_start_us", "rss_bytes")
_LARGEST = 1e18  # of any figure; beyond, it is damage
_ROUNDING = 1e-9  # 1100 / 1000 - 1 is a little more than 0.1
_SAME = ("runtime", "threads", "runtime_package", "device.processor", "device.cores")


@dataclass(frozen=True)
class Change:
    """A figure then and now.

    Attributes:
        name: as in the JSON document, nested names with a dot.
        before: of the earlier profile.
        now: of this one.
        judged: whether it counts as a regression when it grows; times count only on the same machine.
    """

    name: str
    before: float
    now: float
    judged: bool

    @property
    def growth(self) -> float:
        """Relative: 0.1 is a tenth more; infinite if there was nothing before."""
        if self.before:
            return self.now / self.before - 1
        return float("inf") if self.now else 0.0


@dataclass(frozen=True)
class Comparison:
    """A profile against an earlier one.

    Attributes:
        changes: the figures that both have.
        notes: why figures are not judged.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    def regressions(self, limit: float) -> tuple[Change, ...]:
        """What grew by more than `limit`, a share of the earlier figure."""
        return tuple(change for change in self.changes if change.judged and change.growth > limit + _ROUNDING)


def append(path: Path, document: Mapping[str, Any]) -> None:
    """Add a profile to a history, one line of JSON each; earlier lines are never touched.

    Raises:
        InputError: the file cannot be written.
        EnvironmentProblem: the disk is full.
    """
    with _writing(path):
        append_line(path, json.dumps(document, separators=(",", ":"), default=str).encode())


def check_writable(path: Path) -> None:
    """Refuse, before anything is measured, a history that cannot be written.

    Raises:
        InputError: it cannot.
        EnvironmentProblem: the disk is full.
    """
    with _writing(path):
        destination(path)  # refuses what is no regular file, before it is opened
        path.open("ab").close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"history '{path}': cannot be written: {error.strerror or error}."
        if error.errno in DISK_FULL:
            raise EnvironmentProblem(message, hint="free some disk space.") from error
        raise InputError(message, hint="choose another path with --history, or create its folder first.") from error


def read_earlier(path: Path, artifact: str | None) -> Mapping[str, Any]:
    """A profile from a JSON document, or the newest one in a history: of this artifact if it holds one, else of any.

    Raises:
        InputError: there is none, or it is of another version.
    """
    where = f"earlier profile '{path}'"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise InputError(f"{where}: must be a readable file. Found: {reason}.", hint=_HINT) from error
    found = [document for document in _documents(text) if document.get("schema") == SCHEMA]
    if not found:
        raise InputError(f"{where}: must hold a profile. Found: none.", hint=_HINT)
    chosen = next((each for each in reversed(found) if each.get("artifact") == artifact), found[-1])
    if chosen.get("version") != VERSION:
        raise InputError(f"{where}: must be of version {VERSION}. Found: {chosen.get('version')}.", hint=_HINT)
    return chosen


def _documents(text: str) -> list[dict[str, Any]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict):
        return [whole]
    found = []
    for line in text.splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):  # the last line of a process that was killed
            continue
        if isinstance(document, dict):
            found.append(document)
    return found


def compare_with(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Set the figures of two profiles side by side."""
    differ = [name for name in _SAME if _figure(earlier, name) != _figure(now, name)]
    changes, notes = [], []
    if differ:
        notes.append(f"times and memory are not judged, since {', '.join(differ)} differed.")
    latencies = [document.get("latency_us") for document in (earlier, now)]
    noisy = any(isinstance(latency, Mapping) and latency.get("noisy") for latency in latencies)
    if noisy and not differ:
        notes.append("one of the two was measured on a busy machine: a latency's growth may be noise. Measure again.")
    for name in (*_JUDGED, *_SHOWN):
        before, after = _figure(earlier, name), _figure(now, name)
        if _is_figure(before) and _is_figure(after):
            judged = name in _JUDGED and not (differ and name in _OF_THE_MACHINE)
            changes.append(Change(name, before, after, judged))
    return Comparison(tuple(changes), tuple(notes))


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST  # no NaN either


def _figure(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
