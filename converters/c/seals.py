"""Headers and the sources that include them, so that those of two conversions do not compile together.

A header's guard has a number for a value, the beginning of its SHA-256; whoever includes it says which number it wants.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_GUARD = re.compile(r"^#ifndef (\w+)\n#define \1(?: (0x[0-9a-f]{8}))?$", re.MULTILINE)
_INCLUDE = re.compile(r'^ *# *include ["<]([\w.]+)[">].*\n', re.MULTILINE)
_SOURCES = (".c", ".h", ".ino")


def sealed(files: Mapping[str, str]) -> dict[str, str]:
    """The same files; their C checks that the headers among them are those that it was made with.

    Args:
        files: texts by path; a header's name is unique among them, and one that is sealed already stays as it is.
    """
    headers = {path.rpartition("/")[2]: path for path in files if path.endswith(".h") and _GUARD.search(files[path])}
    found: dict[str, str] = {}

    def guard(header: str) -> tuple[str, str]:
        """The macro of a header, and its number."""
        path = headers[header]
        if path not in found:
            text = _checking(files[path], header)
            number = f"0x{hashlib.sha256(text.encode()).hexdigest()[:8]}"
            found[path] = _GUARD.sub(lambda m: m[0] if m[2] else f"{m[0]} {number}", text, count=1)
        match = _GUARD.search(found[path])
        assert match is not None, "only headers with a guard are asked for"
        return match[1], match[2]

    def _checking(text: str, name: str) -> str:
        def check(match: re.Match[str]) -> str:
            if match[1] not in headers or text.startswith("#if ", match.end()):
                return match[0]
            macro, number = guard(match[1])
            return f'{match[0]}#if {macro} != {number}\n#error "{name} and {match[1]} are of two conversions"\n#endif\n'

        return _INCLUDE.sub(check, text)

    for path, text in files.items():
        name = path.rpartition("/")[2]
        if name in headers:
            guard(name)
        elif path.endswith(_SOURCES):
            found[path] = _checking(text, name)
    return {path: found.get(path, text) for path, text in files.items()}
