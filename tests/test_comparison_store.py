"""A comparison's folder: what was saved comes back, and what is damaged is measured again, whatever the damage."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edgernn.comparison.plan import PlannedArtifact, PlannedModel
from edgernn.comparison.records import Artifact, ColdStart, Latency, Model, Round, Session
from edgernn.comparison.schema import Mismatch, read
from edgernn.comparison.store import Store
from edgernn.errors import InputError
from edgernn.profiling.history import compare_with

PLANNED = PlannedModel("gru-4-s0", "gru", 4, 0)
MODEL = Model("gru-4-s0", "gru", 4, validation=(0.5, 0.75), loss=(1.0,), parameters=10, score=0.5)
PLANNED_ARTIFACT = PlannedArtifact("gru-4-s0-int8-micro", MODEL.id, "int8", "micro")
ARTIFACT = Artifact(
    **vars(PLANNED_ARTIFACT), bytes=9, categories={"weights": 9}, latency=Latency(2.0, 3.0, 1.0, (1.0, 2.0))
)
DEEP: Any = json.loads("[" * 90 + "]" * 90)
ODD: list[Any] = ["many", "", [[1]], [], {}, {"a": None}, None, True, -1, 1.5, -(10**40), 10**400, float("nan"), DEEP]


def test_records_come_back_as_they_were_saved(tmp_path: Path) -> None:
    store = Store(tmp_path, {"task": "t"})
    store.save(MODEL)
    store.save(ARTIFACT)
    assert store.load(Model, PLANNED) == MODEL
    assert store.load(Artifact, PLANNED_ARTIFACT) == ARTIFACT
    assert store.load(Model, PlannedModel("none", "gru", 4, 0)) is None
    assert store.damaged == []
    with pytest.raises(InputError, match="another task"):
        Store(tmp_path, {"task": "u"})


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, from the whole to the leaves."""
    yield path
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("kind", "planned", "record"), [(Model, PLANNED, MODEL), (Artifact, PLANNED_ARTIFACT, ARTIFACT)]
)
def test_a_record_with_anything_in_any_place_is_right_or_put_aside(
    tmp_path: Path, kind: Any, planned: Any, record: Any
) -> None:
    store = Store(tmp_path, {"task": "t"})
    store.save(record)
    (path,) = (tmp_path / "records").rglob(f"{record.id}.json")
    whole = json.loads(path.read_text())
    aside = path.with_name(f"{path.name}.damaged")
    for place in places(whole):
        for value in ODD:
            text = json.dumps(put(whole, place, value))
            path.write_text(text)
            count = len(store.damaged)
            found = store.load(kind, planned)
            if found is None:
                assert not path.exists()
                assert aside.read_text() == text
                assert len(store.damaged) == count + 1
            else:
                assert {type(each) for each in vars(found).values()} <= {
                    str,
                    int,
                    float,
                    tuple,
                    dict,
                    Latency,
                    type(None),
                }
                assert [getattr(found, name) for name in vars(planned)] == list(vars(planned).values())
                json.dumps(asdict(found), allow_nan=False)
    for text in ("", '{"id": "gru-4', "[" * 100_000, "\0" * 50, "NaN"):
        path.write_text(text)
        assert store.load(kind, planned) is None


def test_lines_survive_those_that_were_cut_off_or_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path, {"task": "t"})
    store.append(Round("a", 0, 1.5))
    with (tmp_path / "records/rounds.jsonl").open("a") as stream:
        stream.write('\n{"round": 1, "artif')
        stream.write("\n" + "[" * 100_000)
        for path in places({"artifact": "a", "round": 1, "us": 1.0}):
            for value in ODD:
                if value not in ("", 1.5, "many", -1, True) or path == ():
                    stream.write("\n" + json.dumps(put({"artifact": "a", "round": 1, "us": 1.0}, path, value)))
    store.append(Round("a", 2, 2.5))
    store.append(ColdStart("a", 1.0, 2))
    store.append(ColdStart("b", refused="no"))
    store.append(Session("now", 1.0))
    assert list(store.lines(Round)) == [Round("a", 0, 1.5), Round("a", 2, 2.5)]
    assert list(store.lines(ColdStart)) == [ColdStart("a", 1.0, 2), ColdStart("b", refused="no")]
    assert list(store.lines(Session)) == [Session("now", 1.0)]


def test_a_mismatch_says_where_what_was_expected_and_what_was_found() -> None:
    document = json.loads(json.dumps(asdict(ARTIFACT)))
    with pytest.raises(Mismatch, match=r"^latency\.rounds\[1\]: must be a number\. Found: 'many'\.$"):
        read(Artifact, put(document, ("latency", "rounds", 1), "many"))
    with pytest.raises(Mismatch, match=r"^categories\.weights: must be a count\. Found: -1\.$"):
        read(Artifact, put(document, ("categories", "weights"), -1))
    with pytest.raises(Mismatch, match=r"must have the fields of Artifact\. Found: more too"):
        read(Artifact, {**document, "more": 1})


@pytest.mark.parametrize("value", ODD)
def test_an_earlier_profile_with_anything_in_it_is_compared(value: Any) -> None:
    now = {"bytes": 100, "arena_bytes": 50, "latency_us": {"p50": 2.0}}
    for place in places(now):
        if place:
            for change in compare_with(put(now, place, value), now).changes:
                assert change.growth == change.growth
