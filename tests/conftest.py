"""What all tests share."""

from __future__ import annotations

import os
import shutil
import signal

# A shell without job control starts what is in its background with Ctrl-C ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything imports TensorFlow: no start-up chatter, no GPU, and the same sums on every machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# One thread each: every core has a process of tests of its own, and so do the children that tests start.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from system_packages import packages_of

# No deadline, since shared machines stall; the same examples every time, since a failure must be repeatable.
settings.register_profile("edgernn", deadline=None, derandomize=True)
settings.load_profile("edgernn")


def require_system(program: str) -> str:
    """The path of a program that a system package brings; without it the test is skipped, visibly.

    With EDGERNN_REQUIRE_SYSTEM=1, as in continuous integration, its absence is a failure instead.

    Raises:
        LookupError: the program is not in `system_packages`.
    """
    packages = packages_of(program)
    path = shutil.which(program)
    if path is None:
        reason = f"needs '{program}': sudo apt-get install {' '.join(packages)}"
        if os.environ.get("EDGERNN_REQUIRE_SYSTEM") == "1":
            pytest.fail(reason + ", and EDGERNN_REQUIRE_SYSTEM=1 allows no skip", pytrace=False)
        pytest.skip(reason)
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option of `test_screens.py`."""
    parser.addoption("--write-screens", action="store_true", help="write what the commands print to tests/screens")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own switches must not change what a test sees."""
    for name in ("EDGERNN_DEBUG", "FORCE_COLOR", "NO_COLOR", "_EDGERNN_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CFLAGS", "-Wall -Wextra -Wshadow -Werror")  # of all C that is compiled to be run here
