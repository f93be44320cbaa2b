"""Rewrites from graph to graph, each a pure function that keeps what the graph computes."""

from edgernn.graph import Graph, map_bodies
from edgernn.passes.back import Back, split_back
from edgernn.passes.block import block_steps
from edgernn.passes.by_feature import split_units
from edgernn.passes.decompose import decompose_functions, divide_by_reciprocal
from edgernn.passes.even import even_rows
from edgernn.passes.fold import fold_scales
from edgernn.passes.fold_ahead import fold_ahead
from edgernn.passes.front import Front, float_front, split_front
from edgernn.passes.fuse import fuse_lstm
from edgernn.passes.masks import MaskInput, lift_masks, without_masked_steps
from edgernn.passes.merge import merge_gates
from edgernn.passes.project import alike, hoist_projections, join_operands, separate_operands
from edgernn.passes.prune import prune
from edgernn.passes.stream import NoStreamError, Streamed, stream
from edgernn.passes.unroll import unroll

__all__ = [
    "Back",
    "Front",
    "MaskInput",
    "NoStreamError",
    "Streamed",
    "alike",
    "block_steps",
    "decompose_functions",
    "divide_by_reciprocal",
    "even_rows",
    "float_front",
    "fold_ahead",
    "fold_scales",
    "fuse_lstm",
    "hoist_projections",
    "join_operands",
    "lift_masks",
    "merge_gates",
    "prune",
    "separate_operands",
    "simplify",
    "split_back",
    "split_front",
    "split_units",
    "stream",
    "unroll",
    "without_masked_steps",
]


def simplify(graph: Graph, *, by_function: bool = False) -> Graph:
    """What every target wants: constants folded, gates merged, nothing that nobody reads."""
    return prune(map_bodies(fold_scales(prune(graph)), lambda body: merge_gates(body, by_function=by_function)))
