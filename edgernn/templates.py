"""Templates of a package, as Jinja reads all of ours, and the licence of what is written from them."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from edgernn.errors import missing_extra


@functools.cache  # it keeps what it has compiled
def templates_of(package: str, purpose: str) -> Any:
    """The environment of a package's folder `templates`: what is not defined is an error, blocks leave no lines.

    Raises:
        EnvironmentProblem: Jinja is not installed; says that `purpose` needs it.
    """
    try:
        import jinja2
    except ImportError as error:
        raise missing_extra("jinja2", "convert", purpose) from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )


def license_text() -> str:
    """The licence of edgernn, which also code that it writes is under; each such file names it in its first line."""
    return resources.files("edgernn").joinpath("LICENSE").read_text(encoding="utf-8")
