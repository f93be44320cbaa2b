"""A page of HTML from a template: self-contained, without network; it opens from disk, and prints."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgernn.errors import missing_extra
from edgernn.report.canvas import Plot
from edgernn.report.svg import svg

if TYPE_CHECKING:
    from markupsafe import Markup

_OPTION = re.compile(r"--[\w-]+(?: (?:[\w.]*\d[\w.]*|minmax|percentile|dynamic)\b)?")
_PART = re.compile(r"(?<=\w)[/+](?=\w)")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|KiB|MiB|µs|us|ms|s|points|seeds|units)(?!\w))|(?<=\bp) (?== )|(?<=p =) ")


def check_packages() -> None:
    """See that pages and plots can be made here.

    Raises:
        EnvironmentProblem: jinja2 or matplotlib is not installed.
    """
    for package, purpose in (("jinja2", "writing the HTML report"), ("matplotlib", "drawing plots")):
        try:
            __import__(package)
        except ImportError as error:
            raise missing_extra(package, "report", purpose) from error


def render(template: str, document: dict[str, Any], **values: Any) -> str:
    """The whole page.

    Args:
        template: that extends `page.html.j2`.
        document: all figures as JSON, with their schema and version; the page holds them and offers them as a file.
        values: that the template shows; `contents` and `file`, the document's name, are the page's own.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from edgernn import __version__

    environment = Environment(
        loader=PackageLoader("edgernn.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["bound"] = _bound
    environment.filters["named"] = _named
    script = environment.get_template("script.js.j2").render()
    return environment.get_template(template).render(
        schema=document["schema"],
        version=document["version"],
        style=Markup(environment.get_template("style.css.j2").render()),
        script=Markup(script),
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        json=Markup(_embedded(document)),
        **{"edgernn": __version__, **values},
    )


def drawn(plots: Sequence[Plot]) -> list[dict[str, Any]]:
    """Plots as a template shows them."""
    from markupsafe import Markup

    return [
        {"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": Markup(svg(plot))} for plot in plots
    ]


def _named(text: str) -> Markup:
    """A text with names and options in it: lines end between parts of a name, and not within an option."""
    from markupsafe import Markup, escape

    parted = _OPTION.sub(r'<span class="whole">\g<0></span>', str(escape(_bound(text))))
    return Markup(_PART.sub(r"\g<0><wbr>", parted))


def _bound(text: str) -> str:
    """The text with no line break between a number and its unit."""
    return _UNIT.sub("\u00a0", text)


def _embedded(document: dict[str, Any]) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
