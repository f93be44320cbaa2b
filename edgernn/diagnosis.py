"""What is installed, in which version, and what is missing for what; told without importing any of it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec

from edgernn.devices.host.packages import LITERT_PACKAGES


@dataclass(frozen=True)
class Requirement:
    """A package that edgernn uses.

    Attributes:
        package: its name for pip.
        module: its name for ``import``.
        extra: the extra that installs it, or an empty string for the base install.
        minimum: the lowest version that works, or an empty string for any.
        needed_for: the commands and options that need it.
        only_on: the platforms it is for, a pattern for ``system-machine`` such as ``Linux-x86_64``.
        not_on: the platforms it is not for, likewise.
    """

    package: str
    module: str
    extra: str
    minimum: str
    needed_for: str
    only_on: str = "*"
    not_on: str = ""

    def applies_to(self, system_and_machine: str) -> bool:
        """True if the extra installs the package on this platform, such as ``Linux-aarch64``."""
        return fnmatchcase(system_and_machine, self.only_on) and not fnmatchcase(system_and_machine, self.not_on)


REQUIREMENTS = (
    Requirement("numpy", "numpy", "", "1.26", "everything"),
    Requirement("click", "click", "", "8.1", "the command line"),
    Requirement("rich", "rich", "", "13.7", "tables and progress bars"),
    Requirement("flatbuffers", "flatbuffers", "", "24.3", "convert, inspect"),
    Requirement("h5py", "h5py", "convert", "3.10", "convert, inspect: reading Keras files"),
    Requirement("jinja2", "jinja2", "convert", "3.1", "convert --format c, reports as HTML"),
    Requirement("threadpoolctl", "threadpoolctl", "convert", "3.5", "convert"),
    Requirement("ai-edge-litert", "ai_edge_litert", "runtime", "2.0", "convert, inspect, verify", not_on="*-armv7l"),
    Requirement("tflite-runtime", "tflite_runtime", "runtime", "2.14", "verify on 32-bit Arm", only_on="*-armv7l"),
    Requirement("tensorflow", "tensorflow", "train", "2.18", "train, verify against Keras"),
    Requirement("keras", "keras", "train", "3.6", "train, verify against Keras"),
    Requirement("tf-keras", "tf_keras", "keras2", "2.18", "verify of files of Keras 2"),
    Requirement("tflite-micro", "tflite_micro", "micro", "", "verify --runtime micro", only_on="Linux-x86_64"),
    Requirement("matplotlib", "matplotlib", "report", "3.8", "compare: plots in reports"),
    Requirement("pyserial", "serial", "serial", "3.5", "deploy --device serial:PORT"),
)

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """A requirement and what was found of it.

    Attributes:
        requirement: what is needed.
        version: the installed version, an empty string if it is not installed, or ``unknown``.
        state: ``ok``, ``missing``, ``too old``, or ``unavailable`` if there is no such package for this platform.
        install: the command that puts it right, or an empty string if nothing is wrong or nothing can be done.
    """

    requirement: Requirement
    version: str
    state: str
    install: str


@dataclass(frozen=True)
class Diagnosis:
    """All findings on this machine.

    Attributes:
        edgernn: edgernn's own version.
        python: Python's version.
        executable: the Python interpreter that runs.
        platform: operating system and machine.
        findings: one per requirement, in the order of `REQUIREMENTS`.
        runtime: the package that will run .tflite files, or an empty string if there is none.
        runtime_version: its version.
    """

    edgernn: str
    python: str
    executable: str
    platform: str
    findings: tuple[Finding, ...]
    runtime: str
    runtime_version: str

    @property
    def base_works(self) -> bool:
        """True if the base install is whole; a missing extra is a choice, not a fault."""
        return all(finding.state == "ok" for finding in self.findings if not finding.requirement.extra)


def doctor(installed: Callable[[str, str], str] | None = None, system_and_machine: str = "") -> Diagnosis:
    """Look up every requirement.

    Args:
        installed: a function from ``(package, module)`` to the installed version; the default asks this Python.
        system_and_machine: the platform, such as ``Linux-aarch64``; the default is this one.
    """
    from edgernn import __version__

    look_up = installed or installed_version
    here = system_and_machine or _here()
    runtimes = ((entry.package, look_up(entry.package, entry.module)) for entry in LITERT_PACKAGES)
    runtime, version = next(((package, version) for package, version in runtimes if version), ("", ""))
    return Diagnosis(
        edgernn=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        findings=tuple(_examine(need, look_up(need.package, need.module), here) for need in REQUIREMENTS),
        runtime=runtime,
        runtime_version=version,
    )


def _here() -> str:
    return f"{platform.system()}-{platform.machine()}"


def installed_version(package: str, module: str) -> str:
    """The version of an installed package, without importing it; an empty string if it cannot be imported."""
    if find_spec(module) is None:
        return ""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # the module comes from a package of another name, such as tf-nightly
        for name in metadata.packages_distributions().get(module, ()):
            return metadata.version(name)
        return UNKNOWN


def install_command(module: str) -> str:
    """The command that installs the package of a module, through its extra if it belongs to one."""
    top = module.partition(".")[0]
    for need in REQUIREMENTS:
        if need.module == top:
            return _install(need)
    return f"pip install {top}"


def _install(need: Requirement) -> str:
    if need.extra:
        return f"pip install 'edgernn[{need.extra}]'"
    return f"pip install '{need.package}>={need.minimum}'"


def _examine(need: Requirement, version: str, here: str) -> Finding:
    if not version:
        available = need.applies_to(here)
        return Finding(need, "", "missing" if available else "unavailable", _install(need) if available else "")
    if version != UNKNOWN and _release(version) < _release(need.minimum):
        return Finding(need, version, "too old", f"pip install --upgrade '{need.package}>={need.minimum}'")
    return Finding(need, version, "ok", "")


def _release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, enough to compare one with a minimum: ``2.18.0rc1`` is ``(2, 18, 0)``."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
