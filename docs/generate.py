"""Writes the pages that are generated from the code; with --check, says which of them are out of date.

Run it as `python docs/generate.py [--check]`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgernn.converters.keras.document import page as supported_layers
from edgernn.files import atomic_write

PAGES = {"supported-layers.md": supported_layers}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with what is there."""
    folder, stale = Path(__file__).parent, []
    for name, page in PAGES.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != page():
            stale.append(f"docs/{name}")
            if "--check" not in arguments:
                atomic_write(path, page())
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run 'python docs/generate.py'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
