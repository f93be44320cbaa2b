"""Whether a graph is sound: what readers, passes and back ends may rely on.

Every graph is verified after reading and before a back end writes it; in the tests, after every pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgernn.errors import GraphError
from edgernn.graph import operators as ops
from edgernn.graph.graph import Graph, Node
from edgernn.graph.rules import GRAPH_RULES, NODE_RULES, NodeRule
from edgernn.graph.shapes import counts

_MOST = 5  # broken rules that a message names
_HINT = "mend the cell or the graph that was built by hand; a model that Keras made should never come here: report it."


def verify(graph: Graph) -> None:
    """Check a graph and the bodies of its loops.

    Raises:
        GraphError: it is not sound; the message names the first few rules that it breaks.
    """
    broken = list(_broken(graph))
    if broken:
        more = [f"And {len(broken) - _MOST} more."] if len(broken) > _MOST else []
        raise GraphError([(line, _HINT) for line in (*broken[:_MOST], *more)])


def _broken(graph: Graph) -> Iterator[str]:
    for rule in GRAPH_RULES:
        for found in rule(graph):
            yield f"graph '{graph.name}': {sentence(rule)} Found: {found}."
    for node in graph.nodes:
        wrong: list[tuple[NodeRule, str]] = [(known_number, found) for found in known_number(node)]
        if not wrong:
            rules = [check for kinds, check in NODE_RULES if not kinds or isinstance(node.operator, kinds)]
            wrong = [(check, found) for check in rules for found in check(node)]
        for check, found in wrong:
            yield f"{_place(graph, node)}: {sentence(check)} Found: {found}."
        if isinstance(node.operator, ops.Scan):
            yield from _broken(node.operator.body)


def _place(graph: Graph, node: Node) -> str:
    name = f" '{node.outputs[0].name}'" if node.outputs else ""
    layer = f" of layer '{node.layer}'" if node.layer else ""
    return f"graph '{graph.name}', {type(node.operator).__name__}{name}{layer}"


def sentence(rule: Callable[..., object]) -> str:
    """The rule, as the rest of a message."""
    first = (rule.__doc__ or "").splitlines()[0]
    return first[:1].lower() + first[1:]


def known_number(node: Node) -> Iterator[str]:
    """An operator has the inputs and outputs that it is defined for."""
    operator = node.operator
    least, most, outputs = counts(operator)
    if not least <= len(node.inputs) <= most or len(node.outputs) != (outputs or node.inputs[0].shape[0]):
        yield f"{len(node.inputs)} inputs and {len(node.outputs)} outputs"
    elif isinstance(operator, ops.Scan) and operator.carries > min(len(node.inputs), len(node.outputs)):
        yield f"{operator.carries} states of {len(node.inputs)} inputs and {len(node.outputs)} outputs"
