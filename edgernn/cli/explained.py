"""How an explanation looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgernn.cli.output import print_table, say_wrapped

if TYPE_CHECKING:
    from edgernn.explanation import Explanation


def print_explanation(explanation: Explanation) -> None:
    """The tensors as a table, the worst first; then what to do about these."""
    from edgernn.report.tensors import HEADINGS, advice, cells, whole

    print_table("", HEADINGS, [cells(tensor) for tensor in explanation.tensors], drop=("To", "From", "Beyond", "Scale"))
    if any(len(tensor.made) > 1 for tensor in explanation.tensors):
        say_wrapped("(+2): two more tensors have its scale; --json names them")
    if text := whole(explanation):
        say_wrapped(text)
    for tensor in explanation.worst:
        say_wrapped(f"advice: {advice(tensor)}")
    for text in explanation.remarks:
        say_wrapped(text)
