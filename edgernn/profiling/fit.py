"""Will it fit? What an artifact needs against what a board has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgernn.devices.boards import Board
from edgernn.profiling.estimate import Estimate, estimate

if TYPE_CHECKING:
    from edgernn.devices.emulators.model import Cost

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
        activation_bytes: the most that its tensors hold at a time.
        operators: their names, each once.
        custom: those that are not built in.
        micro_runs: whether TFLite-Micro runs it; None if that was not tried.
        micro_reason: why not.
    """

    model_bytes: int
    arena_bytes: int | None
    activation_bytes: int
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
        cost: on an emulated machine with the board's core; None if there is none, or it was not run.
    """

    constant_bytes: int
    working_bytes: int
    cost: Cost | None = None


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
        time: of C on the board, an estimate; None where there is nothing to estimate it from.
    """

    board: Board
    fits: bool | None
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    time: Estimate | None = None


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
    cost = needs.cost
    if cost is not None:
        code, stack, constants = cost.flash_engine_bytes, cost.stack_bytes, cost.flash_weights_bytes
        note = f"code and stack were counted on {cost.device}, {cost.compiler}; your own program comes on top."
    else:
        code, stack, constants = C_CODE_BYTES, C_STACK_BYTES, needs.constant_bytes
        note = "code and stack of C are allowances; edgernn profile --device measures them."
    items = (
        _bytes("flash", constants + code, board.flash_bytes, f"constants {constants:,} + code {code:,}"),
        _bytes(
            "RAM", needs.working_bytes + stack, board.ram_bytes, f"memory {needs.working_bytes:,} + stack {stack:,}"
        ),
    )
    return _answer(board, items, note, None if cost is None else estimate(board, cost))


def _answer(board: Board, items: tuple[Item, ...], note: str = "", time: Estimate | None = None) -> Fit:
    answers = [item.ok for item in items]
    fits = False if False in answers else None if None in answers else True
    notes = [*([board.note] if board.note else []), *([note] if note else [])]
    if not board.checked:
        notes.append("the board's figures were not compared with their sources when they were written down.")
    return Fit(board, fits, items, tuple(notes), time)


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
    parts = f"model {needs.model_bytes:,} + tensors {needs.activation_bytes:,}"
    return (
        _bytes("RAM", needs.model_bytes + needs.activation_bytes, board.ram_bytes, parts),
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
        "time": None if fit.time is None else fit.time.document(),
        "notes": list(fit.notes),
    }


def fit_rows(fit: Fit) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headings and rows of a fit's table."""
    words = {True: "ok", False: "short", None: "unknown"}
    rows: list[tuple[object, ...]] = [
        (item.what, item.needed, item.available, item.parts, words[item.ok]) for item in fit.items
    ]
    return ("What", "Needed", "Available", "Made of", "Answer"), rows


def fits_document(fits: Sequence[Fit]) -> dict[str, Any]:
    """Of a single board under the key ``fits``; of each under ``boards``."""
    documents = [fit_document(fit) for fit in fits]
    return {"fits": documents[0] if len(documents) == 1 else None, "boards": documents}


MATRIX = ("Board", "Fits", "Needs flash", "Needs RAM", "Estimated time", "Why")


def matrix_row(fit: Fit) -> tuple[object, ...]:
    """A board's row under `MATRIX`: what is needed, and why it is not enough or not known."""
    needed = {item.what: item.needed for item in fit.items}
    why = shortfalls(fit) or tuple(f"{item.what}: {item.parts}" for item in fit.items if item.ok is None)
    time = "" if fit.time is None else fit.time.brief
    answer = {True: "yes", False: "no", None: "unknown"}[fit.fits]
    return fit.board.name, answer, needed.get("flash"), needed.get("RAM"), time, "; ".join(why)
