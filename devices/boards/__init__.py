"""The boards that edgernn knows, one TOML file each: data, with the source of every figure."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from edgernn.errors import InputError

Kind = Literal["micro", "linux", "android"]
BoardRuntime = Literal["micro", "litert"]


@dataclass(frozen=True)
class Board:
    """A board, or a class of phones.

    Attributes:
        name: as on the command line; also the file's name.
        title: maker and model.
        kind: a microcontroller, a Linux computer, or an Android phone.
        runtime: what runs a .tflite there: ``micro`` for TFLite-Micro, ``litert``.
        core: of the processor.
        architecture: that compilers call it by, or the Android ABI.
        cores: how many.
        clock_mhz: the highest clock.
        flash_bytes: what an application can have; None where it is a file system.
        ram_bytes: the largest piece that an application can have as one arena.
        ram_total_bytes: all of it, as the data sheet says.
        note: where the difference goes, and what shares the rest.
        checked: whether the figures were compared with the sources' text when they were written down.
        sources: documents, and what they say.
    """

    name: str
    title: str
    kind: Kind
    runtime: BoardRuntime
    core: str
    architecture: str
    cores: int
    clock_mhz: int
    ram_bytes: int
    ram_total_bytes: int
    sources: tuple[str, ...]
    checked: bool
    note: str = ""
    flash_bytes: int | None = None


@cache
def boards() -> tuple[Board, ...]:
    """All boards, by name.

    Raises:
        InputError: a file is damaged.
    """
    files = (path for path in resources.files(__name__).iterdir() if path.name.endswith(".toml"))
    found = (read_board(path.name.removesuffix(".toml"), path.read_text(encoding="utf-8")) for path in files)
    return tuple(sorted(found, key=lambda board: board.name))


def find_board(name: str) -> Board:
    """The board of that name.

    Raises:
        InputError: there is none; the message lists those that exist.
    """
    by_name = {board.name: board for board in boards()}
    if name in by_name:
        return by_name[name]
    close = difflib.get_close_matches(name.lower().replace("_", "-"), by_name, n=1, cutoff=0.4)
    raise InputError(
        f"board: must be one of {', '.join(by_name)}. Found: '{name}'.",
        hint=f"did you mean '{close[0]}'?" if close else "'edgernn devices' says what each is.",
    )


ALL = "all"


def find_boards(names: str | Sequence[str] | None) -> tuple[Board, ...]:
    """The boards of some names, each once, in the order given; `all` of all that are known, and None of none.

    Raises:
        InputError: there is none of a name.
    """
    wanted = (names,) if isinstance(names, str) else tuple(names or ())
    if ALL in wanted:
        return boards()
    return tuple(dict.fromkeys(find_board(name) for name in wanted))


def read_board(name: str, text: str) -> Board:
    """A board from its file.

    Raises:
        InputError: a key is missing, unknown, or of the wrong type; names file and key.
    """
    where = f"board '{name}.toml'"
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: must be TOML. Found: {error}.") from error
    types = {field.name: str(field.type) for field in fields(Board) if field.name != "name"}
    for key in sorted(values.keys() - types.keys()):
        raise InputError(f"{where}: keys must be {', '.join(types)}. Found: '{key}'.")
    for key, kind in types.items():
        if key not in values:
            if key in ("note", "flash_bytes"):
                continue
            raise InputError(f"{where}: must have the key '{key}'. Found: none.")
        suits, words = _rule(kind, values[key])
        if not suits:
            raise InputError(f"{where}: '{key}' must be {words}. Found: {values[key]!r}.")
    if values["ram_bytes"] > values["ram_total_bytes"]:
        found = f"{values['ram_bytes']} and {values['ram_total_bytes']}"
        raise InputError(f"{where}: 'ram_bytes' must be at most 'ram_total_bytes'. Found: {found}.")
    return Board(name=name, **{**values, "sources": tuple(values["sources"])})


def _rule(kind: str, value: Any) -> tuple[bool, str]:
    """Whether a value suits a field of that type, and what would."""
    match kind:
        case "int" | "int | None":
            return isinstance(value, int) and not isinstance(value, bool) and value > 0, "a positive whole number"
        case "bool":
            return isinstance(value, bool), "true or false"
        case "tuple[str, ...]":
            suits = isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)
            return suits, "a list of texts"
        case "Kind":
            return value in get_args(Kind), f"one of {', '.join(get_args(Kind))}"
        case "BoardRuntime":
            return value in get_args(BoardRuntime), f"one of {', '.join(get_args(BoardRuntime))}"
        case _:
            return isinstance(value, str) and bool(value), "a text"
