"""Plots as SVG inside a page: in the page's own colours and type, with ids that are unique there."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from edgernn.report.canvas import WIDTH, Plot, style
from edgernn.report.palette import VARIABLES

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font-family: [^;]*;? ?")
_COLOR = re.compile("|".join(VARIABLES))


def svg(plot: Plot) -> str:
    """The plot as one `<svg>` element for HTML, named by its caption, with a tooltip for each part that has a hint."""
    stream = io.StringIO()
    with style():
        plot.figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(stream.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):  # a style would hold for the whole page
                parent.remove(child)
    used = _references(root)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # HTML needs no namespaces
        _rewrite(element, plot, used)
    box = root.get("viewBox", f"0 0 {WIDTH} 300")
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-labelledby": f"{plot.name}-title {plot.name}-caption"})
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _references(root: ElementTree.Element) -> set[str]:
    """Ids that something in the picture refers to."""
    found: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            found.update(_REFERENCE.findall(value))
            if key.endswith("href"):
                found.add(value.removeprefix("#"))
    return found


def _rewrite(element: ElementTree.Element, plot: Plot, used: set[str]) -> None:
    """Own ids, the page's colours and font; a hint becomes a `<title>`, which browsers show as a tooltip."""
    for key in list(element.attrib):
        value = element.attrib.pop(key)
        name = key.rpartition("}")[2]
        if name == "id" and value in plot.hints:
            title = ElementTree.Element("title")
            title.text = plot.hints[value]
            element.insert(0, title)
            element.set("class", "mark")
        if name == "id" and value not in used:
            continue
        if name == "id":
            value = f"{plot.name}-{value}"
        elif name == "href":
            value = f"#{plot.name}-{value.removeprefix('#')}"
        elif name == "style":
            value = _COLOR.sub(lambda match: VARIABLES[match[0]], _FONT.sub("", value))
        element.set(name, _REFERENCE.sub(rf"url(#{plot.name}-\1)", value))
