"""A missing system package skips a test with a reason, and fails it in continuous integration; all are in one table."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import require_system
from system_packages import PACKAGES, packages_of

from edgernn.devices.emulators.machines import MACHINES, machine

HERE = Path(__file__).parent
PRINTED = {package for packages in PACKAGES.values() for package in packages}


def test_a_program_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERNN_REQUIRE_SYSTEM", "1")
    assert os.access(require_system("sh"), os.X_OK)


@pytest.mark.parametrize(("switch", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_missing_program_skips_or_fails(
    monkeypatch: pytest.MonkeyPatch, switch: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("EDGERNN_REQUIRE_SYSTEM", switch)
    monkeypatch.setitem(PACKAGES, "no-such-program", ("its-package", "another"))
    with pytest.raises(outcome, match="needs 'no-such-program': sudo apt-get install its-package another"):
        require_system("no-such-program")


def test_a_program_without_a_package_is_a_mistake_of_the_test() -> None:
    with pytest.raises(LookupError, match=r"tests/system_packages\.py"):
        require_system("no-such-program")


def test_every_program_that_a_test_asks_for_is_in_the_table() -> None:
    """Those that are written down; one that is computed is looked up when its test runs."""
    asked = set()
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "require_system":
                asked |= {part.value for part in node.args if isinstance(part, ast.Constant)}
    assert asked - {"no-such-program"} <= set(PACKAGES)
    assert {"kotlinc", "aapt", "gcc"} < asked


def test_no_program_is_in_the_table_for_nothing() -> None:
    texts = [path.read_text(encoding="utf-8") for path in HERE.rglob("*.py") if path.name != "system_packages.py"]
    written = set(re.findall(r'"([^"\n]+)"', "\n".join(texts)))
    computed = {name for machine in MACHINES.values() for name in (machine.compiler, machine.emulator[0])}
    computed |= {name.removesuffix("gcc") + "addr2line" for name in computed if name.endswith("-gcc")}
    assert set(PACKAGES) <= written | computed


@pytest.mark.parametrize("name", MACHINES)
def test_the_packages_of_an_emulated_machine_are_those_of_its_programs(name: str) -> None:
    chosen = machine(name)
    assert set(chosen.packages) == {*packages_of(chosen.compiler), *packages_of(chosen.emulator[0])}
    assert packages_of(f"{chosen.compiler}: {chosen.library}") == packages_of(chosen.compiler)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="asks Debian's own list of files")
def test_what_is_installed_comes_from_the_package_that_the_table_names() -> None:
    for program, packages in PACKAGES.items():
        path = shutil.which(program)
        if path is None:
            continue
        done = subprocess.run(
            ["dpkg-query", "--search", path, path.removeprefix("/usr")], capture_output=True, text=True, check=False
        )
        owners = {line.partition(":")[0] for line in done.stdout.splitlines() if ": " in line}
        assert not owners or owners & set(packages), (
            program
        )  # none if it was built here, or is one of several alternatives


def test_the_list_is_printed_and_holds_what_continuous_integration_installs() -> None:
    done = subprocess.run([sys.executable, HERE / "system_packages.py"], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == PRINTED
    script = (HERE.parent / ".ci" / "run").read_text(encoding="utf-8")
    (listed,) = re.findall(r"packages=\(([^)]*)\)", script)
    assert set(listed.split()) - {"make", "python3-venv"} <= PRINTED
