"""The doctor's table agrees with pyproject.toml, and its findings with what is installed."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement as Declared

from edgernn.cli.main import run
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.diagnosis import REQUIREMENTS, Finding, doctor, install_command, installed_version

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
PLATFORMS = [("Linux", "x86_64"), ("Linux", "aarch64"), ("Linux", "armv7l"), ("Darwin", "arm64")]


def declared() -> list[tuple[str, Declared]]:
    """Every requirement of pyproject.toml with its extra, without the extras that only bundle others."""
    groups = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    found = [(extra, Declared(line)) for extra, lines in groups.items() for line in lines]
    return [(extra, need) for extra, need in found if need.name != "edgernn" and str(need.specifier) != "<2"]


def findings(installed: dict[str, str], platform: str = "Linux-x86_64") -> dict[str, Finding]:
    diagnosis = doctor(lambda package, module: installed.get(package, ""), platform)
    return {finding.requirement.package: finding for finding in diagnosis.findings}


def test_the_table_is_that_of_pyproject() -> None:
    ours = {(need.extra, need.package, f">={need.minimum}" if need.minimum else "") for need in REQUIREMENTS}
    assert ours == {(extra, need.name, str(need.specifier)) for extra, need in declared()}
    assert len(REQUIREMENTS) == len(ours)


@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_the_platforms_are_those_of_the_markers(system: str, machine: str) -> None:
    environment = {"platform_system": system, "platform_machine": machine}
    wanted = {need.name for _, need in declared() if need.marker is None or need.marker.evaluate(environment)}
    assert {need.package for need in REQUIREMENTS if need.applies_to(f"{system}-{machine}")} == wanted


def test_extra_all_bundles_every_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (bundle,) = (Declared(line) for line in extras["all"])
    assert bundle.extras == set(extras) - {"all"}


def test_findings_tell_missing_old_and_unavailable() -> None:
    found = findings(
        {"numpy": "1.9.3", "click": "8.1", "tensorflow": "2.18.0rc1", "keras": "3.10.0", "h5py": "unknown"}
    )
    assert {name: finding.state for name, finding in found.items()} == {
        "numpy": "too old",
        "click": "ok",
        "rich": "missing",
        "flatbuffers": "missing",
        "h5py": "ok",
        "ai-edge-litert": "missing",
        "tflite-runtime": "unavailable",
        "tensorflow": "ok",
        "keras": "ok",
        "tf-keras": "missing",
        "tflite-micro": "missing",
        "matplotlib": "missing",
        "jinja2": "missing",
        "threadpoolctl": "missing",
        "pyserial": "missing",
    }
    assert found["numpy"].install == "pip install --upgrade 'numpy>=1.26'"
    assert found["rich"].install == "pip install 'rich>=13.7'"
    assert found["ai-edge-litert"].install == "pip install 'edgernn[runtime]'"
    assert found["tflite-runtime"].install == found["click"].install == ""


def test_on_32_bit_arm_the_other_runtime_is_asked_for() -> None:
    found = findings({}, "Linux-armv7l")
    assert found["tflite-runtime"].state == "missing"
    assert found["ai-edge-litert"].state == found["tflite-micro"].state == "unavailable"


@pytest.mark.parametrize(
    ("installed", "runtime"),
    [
        ({"tflite-runtime": "2.14.0", "tensorflow": "2.21.0", "ai-edge-litert": "2.3.0"}, "ai-edge-litert"),
        ({"tflite-runtime": "2.14.0", "tensorflow": "2.21.0"}, "tensorflow"),
        ({"tflite-runtime": "2.14.0"}, "tflite-runtime"),
        ({}, ""),
    ],
)
def test_the_runtime_is_the_first_that_is_installed(installed: dict[str, str], runtime: str) -> None:
    diagnosis = doctor(lambda package, module: installed.get(package, ""))
    assert (diagnosis.runtime, diagnosis.runtime_version) == (runtime, installed.get(runtime, ""))
    assert {entry.package for entry in LITERT_PACKAGES} <= {need.package for need in REQUIREMENTS}


@pytest.mark.parametrize(
    ("installed", "works"),
    [
        ({"numpy": "2.0", "click": "8.3", "rich": "14.0", "flatbuffers": "25.1"}, True),
        ({"numpy": "2.0", "click": "8.3", "rich": "14.0"}, False),
        ({"numpy": "1.0", "click": "8.3", "rich": "14.0", "flatbuffers": "25.1"}, False),
    ],
)
def test_only_the_base_install_decides(installed: dict[str, str], works: bool) -> None:
    assert doctor(lambda package, module: installed.get(package, "")).base_works is works


def test_versions_are_those_of_this_python() -> None:
    assert installed_version("numpy", "numpy") == metadata.version("numpy")
    assert installed_version("no-such-package", "no_such_module") == ""
    assert installed_version("a-package-by-another-name", "numpy") == metadata.version("numpy")


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("h5py", "pip install 'edgernn[convert]'"),
        ("tensorflow.lite", "pip install 'edgernn[train]'"),
        ("rich", "pip install 'rich>=13.7'"),
        ("unheard_of.part", "pip install unheard_of"),
    ],
)
def test_a_module_leads_to_its_install_command(module: str, line: str) -> None:
    assert install_command(module) == line


def test_the_command_prints_every_package_and_imports_none() -> None:
    program = (
        "import sys; from edgernn.cli.main import run; status = run(['doctor', '--json'])\n"
        "print(*sorted(sys.modules), file=sys.stderr); sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    document = json.loads(result.stdout)
    assert (document["schema"], document["version"], document["ok"]) == ("edgernn.doctor", 1, True)
    assert [package["package"] for package in document["packages"]] == [need.package for need in REQUIREMENTS]
    assert document["packages"][0]["installed"] == metadata.version("numpy")
    imported = set(result.stderr.split())
    assert imported.isdisjoint({need.module for need in REQUIREMENTS} - {"click"})


def test_the_table_names_versions_and_states(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    row = next(line for line in shown.out.splitlines() if line.split()[:2] == ["numpy", "base"])
    assert row.split()[2:4] == [metadata.version("numpy"), "ok"]
