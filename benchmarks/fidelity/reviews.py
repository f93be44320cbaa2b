"""Sentences of film reviews, out of a source distribution, the only archive that holds them.

pip runs a source distribution's build script to learn its name, so here the archive as a whole is pinned by its hash.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.fidelity.task import Array
from edgernn.errors import EnvironmentProblem
from edgernn.files import atomic_write
from edgernn.training.download import cache_folder
from edgernn.training.recipe import Member, Source

_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
_ARCHIVE = Member("vaderSentiment-3.3.2.tar.gz", 2466783, _SHA256)
_INSIDE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_SENTENCES = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
MOVIES = Source(
    package="vaderSentiment",
    version="3.3.2",
    members=(_ARCHIVE,),
    licence="MIT",
    origin="C. J. Hutto, E. Gilbert 2014: sentences of B. Pang and L. Lee's reviews (2005), rated by 20 people each.",
)


def movie_reviews() -> tuple[list[str], Array]:
    """Sentences, and int64 [sentences] 1 for those that people find positive, 0 for negative ones."""
    with tarfile.open(fileobj=io.BytesIO(_archive())) as outer:
        inner = outer.extractfile(_INSIDE)
        assert inner is not None
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as archive:
            file = archive.extractfile(_SENTENCES)
            assert file is not None
            rows = [line.split("\t") for line in file.read().decode("latin-1").splitlines()]
    return [row[2] for row in rows], np.array([float(row[1]) > 0 for row in rows], np.int64)


def _archive() -> bytes:
    path = cache_folder() / "data" / "vaderSentiment-3.3.2" / _ARCHIVE.path
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, _download())
    return path.read_bytes()


def _download() -> bytes:
    """Have pip fetch the archive, which it refuses if the hash is another."""
    with tempfile.TemporaryDirectory(prefix="edgernn-") as name:
        wanted = Path(name) / "wanted.txt"
        wanted.write_text(f"vaderSentiment==3.3.2 --hash=sha256:{_SHA256}\n")
        options = ["--no-deps", "--no-binary=vaderSentiment", "--quiet", "--require-hashes", "--dest", name]
        command = [sys.executable, "-m", "pip", "download", "--no-input", *options, "-r", str(wanted)]
        done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EnvironmentProblem(
                f"'{_ARCHIVE.path}': pip must be able to download it. Found: {done.stderr.strip().splitlines()[-1:]}",
                hint="connect to the network once.",
            )
        return (Path(name) / _ARCHIVE.path).read_bytes()
