"""Voices made up at random for eSpeak NG: other throats than those that come with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def throat(random: np.random.Generator) -> str:
    """A variant of a voice: the text of a file in eSpeak NG's folder ``voices/!v``."""
    length = random.uniform(0.85, 1.2)  # shorter throats resonate higher
    lines = ["language variant", "name throat"]
    for formant in range(9):
        hertz, height, width = (
            100 * length * random.uniform(0.94, 1.06),
            random.uniform(60, 140),
            random.uniform(70, 180),
        )
        lines.append(f"formant {formant} {hertz:.0f} {height:.0f} {width:.0f}")
    low = random.uniform(70, 240)
    lines.append(f"pitch {low:.0f} {low * random.uniform(1.1, 1.6):.0f}")
    lines.append(f"flutter {random.integers(0, 15)}")
    lines.append(f"roughness {random.integers(0, 6)}")
    lines.append(f"voicing {random.integers(50, 120)}")
    lines.append(f"consonants {random.integers(60, 140)} {random.integers(60, 140)}")
    if random.random() < 0.3:
        lines.append(f"breath {' '.join(str(random.integers(0, 40)) for _ in range(8))}")
    if random.random() < 0.4:
        lines.append(f"klatt {random.integers(1, 7)}")
    return "\n".join(lines) + "\n"


def lay_out(folder: Path, throats: Iterable[str]) -> dict[str, str]:
    """Make a copy of eSpeak NG's data, for ``espeak-ng --path``, whose variants are these, and give each one's name."""
    said = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=False).stdout
    system = Path(said.partition("Data at:")[2].strip())
    variants = folder / "voices" / "!v"
    variants.mkdir(parents=True)
    for each in system.iterdir():
        if each.name != "voices":
            (folder / each.name).symlink_to(each)  # 13 MB that need no copy
    names = {text: f"throat{number}" for number, text in enumerate(dict.fromkeys(throats))}
    for text, name in names.items():
        (variants / name).write_text(text, encoding="ascii")
    return names
