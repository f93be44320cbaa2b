"""What this machine is: the words that go beside every figure measured on it."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "tflite-micro", "tensorflow", "keras", "numpy")


def processor() -> str:
    """The processor's name; `platform` knows it on few systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    by_key = {key.strip(): value.strip() for key, value in fields.items()}
    return by_key.get("model name") or by_key.get("Model") or platform.processor() or platform.machine()


def describe_machine() -> dict[str, str | int]:
    """Processor, cores, system and Python, by name."""
    return {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def package_versions() -> dict[str, str]:
    """The versions of the installed packages that figures depend on."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
