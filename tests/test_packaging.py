"""What gets installed: from the wheel in an empty environment, and from this checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import edgernn

ROOT = Path(__file__).parent.parent
FOLDERS = {"edgernn": "edgernn", "converters": "edgernn.converters", "devices": "edgernn.devices"}
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")
VERBS = {"compare", "convert", "explain", "inspect", "profile", "recipes", "train", "verify"}
MORE = {"boards", "check", "deploy", "doctor", "load"}
ERRORS = {"CheckFailed", "EdgernnError", "EnvironmentProblem", "InputError", "InternalError", "UnsupportedError"}
RESULTS = {
    "CheckResult",
    "ConvertResult",
    "Explanation",
    "Inspection",
    "Predictor",
    "Profile",
    "StreamingSession",
    "TrainResult",
    "VerifyResult",
}
COMMANDS = VERBS - {"explain"}  # which is `convert --explain` there


def run_python(python: str | Path, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in another folder, without what this test's own environment adds to the path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(python), "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def modules_on_disk() -> dict[str, Path]:
    """Every source file of the package, under the name by which it is imported."""
    found = {}
    for top, package in FOLDERS.items():
        for path in sorted((ROOT / top).rglob("*.py")):
            inside = path.relative_to(ROOT / top)
            if top == "edgernn" and inside.parts[0] in ("converters", "devices"):
                continue  # reached through the symlinks, and counted where they lead
            found[".".join((package, *inside.with_suffix("").parts))] = path
    return found


def data_folders() -> set[str]:
    """Every folder that holds files and no module, under the name of a package."""
    found = set()
    for top, package in FOLDERS.items():
        for folder in (path for path in (ROOT / top).rglob("*") if path.is_dir() and path.name != "__pycache__"):
            inside = folder.relative_to(ROOT / top)
            if top == "edgernn" and inside.parts[0] in ("converters", "devices"):
                continue
            files = [path for path in folder.iterdir() if path.is_file()]
            if files and not any(path.suffix == ".py" for path in files):
                found.add(".".join((package, *inside.parts)))
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, built from a copy of this checkout."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=NOT_SOURCE)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(folder / "source"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Warning" not in result.stdout + result.stderr  # of setuptools, a page for each folder that it does not know
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and the packages that its metadata asks for, and nothing else.

    Those packages are links to the ones installed here, so that the test needs no network.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    install = subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], capture_output=True, text=True, check=False
    )
    assert install.returncode == 0, install.stderr
    (info,) = site.glob("edgernn-*.dist-info")
    waiting, done = list(metadata.Distribution.at(info).requires or ()), set()
    while waiting:
        need = Requirement(waiting.pop())
        if need.name in done or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        done.add(need.name)
        distribution = metadata.distribution(need.name)
        waiting += distribution.requires or ()
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder


# --- the source tree ---


def test_the_package_list_is_that_of_the_disk() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    on_disk = {name.removesuffix(".__init__") for name in modules_on_disk() if name.endswith(".__init__")}
    assert set(listed) == on_disk | data_folders()
    assert listed == sorted(listed)


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in modules_on_disk().values()}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_nothing_imports_converters_or_devices_as_top_level_names() -> None:
    pattern = re.compile(r"^\s*(import|from)\s+(converters|devices)\b", re.MULTILINE)
    sources = [*modules_on_disk().values(), *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert [path.name for path in sources if pattern.search(path.read_text())] == []


def test_the_public_names_are_these() -> None:
    assert set(edgernn.__all__) == VERBS | ERRORS | RESULTS | MORE | {"__version__"}
    assert dir(edgernn) == sorted(edgernn.__all__)
    assert edgernn.__version__ == metadata.version("edgernn")
    for name in VERBS | MORE:
        assert callable(getattr(edgernn, name))
    for name in RESULTS:
        assert isinstance(getattr(edgernn, name), type)
    for name in ERRORS:
        assert issubclass(getattr(edgernn, name), edgernn.EdgernnError)
    with pytest.raises(AttributeError, match="no attribute 'convrt'"):
        edgernn.convrt  # type: ignore[attr-defined]  # noqa: B018


def test_no_module_bears_a_verbs_name() -> None:
    """Importing ``edgernn.convert`` as a module would put the module in the function's place."""
    assert not (VERBS | MORE) & {name.split(".")[1] for name in modules_on_disk()}


def test_import_edgernn_is_cheap(tmp_path: Path) -> None:
    result = run_python(sys.executable, "import edgernn, sys; print(*sys.modules)", tmp_path)
    assert {"numpy", "click", "rich", "tensorflow", "keras"}.isdisjoint(result.stdout.split())


# --- installed ---


def test_the_wheel_holds_every_module_under_edgernn_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "edgernn/LICENSE" in names  # which goes into every folder that is written
    modules = {name.removesuffix(".py").replace("/", ".") for name in names if name.endswith(".py")}
    assert modules == set(modules_on_disk())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"edgernn"}
    assert {"edgernn/py.typed", "edgernn/report/report.html.j2", "edgernn/report/style.css.j2"} <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)


def test_help_answers_from_the_wheel(
    empty_environment: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    start = time.perf_counter()
    command = [str(empty_environment / "bin" / "edgernn"), "--help"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    record_property("seconds", time.perf_counter() - start)  # told in a report, never judged on a shared machine
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: edgernn ")
    assert all(f"\n  {verb} " in result.stdout for verb in COMMANDS)


def test_the_base_install_is_whole_without_any_extra(empty_environment: Path, tmp_path: Path) -> None:
    imports = run_python(empty_environment / "bin" / "python", "import numpy, click, rich.table, flatbuffers", tmp_path)
    assert (imports.returncode, imports.stderr) == (0, "")
    command = [str(empty_environment / "bin" / "edgernn"), "doctor", "--json"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    states = {package["package"]: package["state"] for package in document["packages"]}
    assert document["ok"] is True
    assert document["runtime"] is None
    assert {states[name] for name in ("numpy", "click", "rich", "flatbuffers")} == {"ok"}
    assert {states[name] for name in ("tensorflow", "keras", "h5py", "ai-edge-litert")} == {"missing"}


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_command_explains_itself_without_any_extra(empty_environment: Path, tmp_path: Path, verb: str) -> None:
    command = [str(empty_environment / "bin" / "edgernn"), verb, "--help"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("installation", ["wheel", "checkout"])
def test_converters_and_devices_are_parts_of_edgernn_only(
    installation: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if installation == "wheel":
        python = request.getfixturevalue("empty_environment") / "bin" / "python"
    else:
        python = sys.executable
    for folder in ("converters", "devices"):
        outside = run_python(python, f"import {folder}", tmp_path)
        assert outside.returncode == 1
        assert f"No module named '{folder}'" in outside.stderr
        inside = run_python(python, f"import edgernn.{folder} as module; print(module.__name__)", tmp_path)
        assert (inside.returncode, inside.stdout) == (0, f"edgernn.{folder}\n"), inside.stderr
