"""Will it fit? What an artifact needs against what a board has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgernn.devices.boards import Board

# TFLite-Micro's code with the kernels of a recurrent model, GCC -O3 for a Cortex-M4: 56 to 80 KB were measured. The
# upper end is allowed for; what a firmware registers decides.
MICRO_CODE_BYTES = 80 * 1024
# Stack of an invocation and the interpreter object, beside the arena: an allowance, not a measurement.
MICRO_STACK_BYTES = 4 * 1024

# Of generated C for a Cortex-M4, 2.3 KB of code and tables were measured for a layer and a Dense, and 200 bytes of
# stack; other layers and other cores take more. Allowances too.
C_CODE_BYTES = 8 * 1024
C_STACK_BYTES = 1024


@dataclass(frozen=True)
class Needs:
    """What was measured of an artifact.

    Attributes:
        model_bytes: of the file.
        arena_bytes: of the smallest arena that works; None if it was not run on TFLite-Micro.
        rss_bytes: growth of a process on LiteRT; None if it was not measured.
        operators: their names, each once.
        custom: those that are not built in.
        micro_runs: whether TFLite-Micro runs it; None if that was not tried.
        micro_reason: why not.
    """

    model_bytes: int
    arena_bytes: int | None
    rss_bytes: int | None
    operators: tuple[str, ...]
    custom: tuple[str, ...] = ()
    micro_runs: bool | None = None
    micro_reason: str = ""


@dataclass(frozen=True)
class CNeeds:
    """What a folder of C says of itself.

    Attributes:
        constant_bytes: of weights and tables.
        working_bytes: of memory, state included.
    """

    constant_bytes: int
    working_bytes: int


@dataclass(frozen=True)
class Item:
    """One thing that a board must have enough of.

    Attributes:
        what: flash, RAM or operators.
        needed: bytes; None if it is not known, or not a number of bytes.
        available: bytes; None if the board sets no limit.
        parts: what `needed` is made of, in words.
        ok: None if it cannot be told.
    """

    what: str
    needed: int | None
    available: int | None
    parts: str
    ok: bool | None

    @property
    def short_by(self) -> int:
        """Bytes that are missing."""
        if self.needed is None or self.available is None:
            return 0
        return max(0, self.needed - self.available)


@dataclass(frozen=True)
class Fit:
    """Whether an artifact fits on a board.

    Attributes:
        fits: None if something that decides it was not measured.
        items: each thing that was checked.
        notes: what the figures do not tell.
    """

    board: Board
    fits: bool | None
    items: tuple[Item, ...]
    notes: tuple[str, ...]


def check_fit(board: Board, needs: Needs) -> Fit:
    """Compare what an artifact needs with what a board has."""
    items = _micro(board, needs) if board.runtime == "micro" else _linux(board, needs)
    if board.runtime == "micro" and needs.arena_bytes is not None:
        return _answer(
            board, items, "the arena was measured on a 64-bit machine; on this board it is a little smaller."
        )
    return _answer(board, items)


def check_fit_c(board: Board, needs: CNeeds) -> Fit:
    """Compare what a folder of C needs with what a board has."""
    flash, ram = needs.constant_bytes + C_CODE_BYTES, needs.working_bytes + C_STACK_BYTES
    items = (
        _bytes("flash", flash, board.flash_bytes, f"constants {needs.constant_bytes:,} + code {C_CODE_BYTES:,}"),
        _bytes("RAM", ram, board.ram_bytes, f"memory {needs.working_bytes:,} + stack {C_STACK_BYTES:,}"),
    )
    return _answer(board, items, "code and stack of C are allowances; edgernn profile --device measures them.")


def _answer(board: Board, items: tuple[Item, ...], note: str = "") -> Fit:
    answers = [item.ok for item in items]
    fits = False if False in answers else None if None in answers else True
    notes = [*([board.note] if board.note else []), *([note] if note else [])]
    if not board.checked:
        notes.append("the board's figures were not compared with their sources when they were written down.")
    return Fit(board, fits, items, tuple(notes))


def _micro(board: Board, needs: Needs) -> tuple[Item, ...]:
    flash = needs.model_bytes + MICRO_CODE_BYTES
    ram = None if needs.arena_bytes is None else needs.arena_bytes + MICRO_STACK_BYTES
    runs = False if needs.custom else needs.micro_runs
    kinds = f"{len(needs.operators)} kinds"
    reason = f"not built in: {', '.join(needs.custom)}" if needs.custom else needs.micro_reason
    return (
        _bytes("flash", flash, board.flash_bytes, f"model {needs.model_bytes:,} + TFLite-Micro {MICRO_CODE_BYTES:,}"),
        _bytes(
            "RAM",
            ram,
            board.ram_bytes,
            "arena not measured" if ram is None else f"arena {needs.arena_bytes:,} + stack {MICRO_STACK_BYTES:,}",
        ),
        Item("operators", None, None, reason or (f"{kinds}, all run" if runs else "not tried on TFLite-Micro"), runs),
    )


def _linux(board: Board, needs: Needs) -> tuple[Item, ...]:
    kinds = f"{len(needs.operators)} kinds, all built in"
    custom = f"not built in: {', '.join(needs.custom)}" if needs.custom else kinds
    ram = "not measured" if needs.rss_bytes is None else "growth of a process on LiteRT here"
    return (
        _bytes("RAM", needs.rss_bytes, board.ram_bytes, ram),
        Item("operators", None, None, custom, not needs.custom),
    )


def _bytes(what: str, needed: int | None, available: int | None, parts: str) -> Item:
    ok = None if needed is None else available is None or needed <= available
    return Item(what, needed, available, parts, ok)


def shortfalls(fit: Fit) -> tuple[str, ...]:
    """What is short, by how much, in words."""
    return tuple(
        f"{item.what} short by {item.short_by:,} bytes ({item.parts}; the board has {item.available:,})"
        if item.short_by
        else f"{item.what}: {item.parts}"
        for item in fit.items
        if item.ok is False
    )


def fit_document(fit: Fit) -> dict[str, Any]:
    """A fit as JSON."""
    return {
        "board": fit.board.name,
        "fits": fit.fits,
        "items": [{**asdict(item), "short_by": item.short_by} for item in fit.items],
        "notes": list(fit.notes),
    }


def fit_rows(fit: Fit) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headings and rows of a fit's table."""
    words = {True: "ok", False: "short", None: "unknown"}
    rows: list[tuple[object, ...]] = [
        (item.what, item.needed, item.available, item.parts, words[item.ok]) for item in fit.items
    ]
    return ("What", "Needed", "Available", "Made of", "Answer"), rows
