"""The kinds of errors and what they carry."""

from collections.abc import Callable
from typing import Any

import pytest

from edgernn.errors import (
    CheckFailed,
    EdgernnError,
    EnvironmentProblem,
    InputError,
    UnsupportedError,
    missing_extra,
)


@pytest.mark.parametrize(
    ("kind", "status"), [(EdgernnError, 2), (InputError, 2), (CheckFailed, 1), (EnvironmentProblem, 3)]
)
def test_each_kind_has_its_exit_status(kind: type[EdgernnError], status: int) -> None:
    error = kind("units: must be positive. Found: 0.", hint="give --units 32.")
    assert error.exit_status == status
    assert (error.message, error.hint) == ("units: must be positive. Found: 0.", "give --units 32.")
    assert str(error) == "units: must be positive. Found: 0. Hint: give --units 32."


def test_a_message_without_hint_stands_alone() -> None:
    assert str(InputError("model 'm.keras': must exist.")) == "model 'm.keras': must exist."


def test_unsupported_gathers_every_broken_rule_and_each_hint_once() -> None:
    broken = [
        ("layer 'a': must not be a Lambda.", "use a known layer."),
        ("layer 'b': must be causal.", ""),
        ("layer 'c': must not be a Lambda.", "use a known layer."),
    ]
    error = UnsupportedError(iter(broken))
    assert error.broken == broken
    assert error.message.splitlines() == [message for message, _ in broken]
    assert error.hint == "use a known layer."
    assert error.exit_status == 2
    assert isinstance(error, InputError)


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    error = missing_extra("tflite-micro", "micro", "verify --runtime micro")
    assert error.exit_status == 3
    assert "verify --runtime micro" in error.message
    assert "'tflite-micro'" in error.message
    assert error.hint == "pip install 'edgernn[micro]'"


ODD_COUNTS = (True, 2.5, "3", None, -1, 10**25, -(10**25), 10**5000)  # Python writes out no number of 5,000 digits


@pytest.mark.parametrize("number", ODD_COUNTS, ids=lambda number: repr(number)[:6] if number != 10**5000 else "longest")
def test_what_is_no_count_is_refused_wherever_one_is_asked_for(number: Any) -> None:
    """From Python, where no command line has looked at it."""
    from edgernn.comparison.comparing import _check_numbers
    from edgernn.profiling.latency import Plan
    from edgernn.profiling.wanted import check_wanted
    from edgernn.training.arguments import check_arguments
    from edgernn.training.sizes import Shape

    shape = Shape(steps=5, features=3, classes=2)
    asked: dict[str, Callable[[], object]] = {
        "runs": lambda: Plan(runs=number).check(),
        "warmup": lambda: Plan(warmup=number).check(),
        "threads": lambda: check_wanted("litert", Plan(), number, None, None, False, None),
        "seeds": lambda: _check_numbers([8], number, [1.0], 0, 1),
        "jobs": lambda: _check_numbers([8], 1, [1.0], number, 1),
        "rounds": lambda: _check_numbers([8], 1, [1.0], 0, number),
        "units": lambda: check_arguments("gru", shape, {"units": number, "layers": 1}),
        "batch size": lambda: check_arguments("gru", shape, {"units": 4, "layers": 1, "batch_size": number}),
        "seed": lambda: check_arguments("gru", shape, {"units": 4, "layers": 1, "seed": number}),
    }
    for name, call in asked.items():
        with pytest.raises(InputError, match=rf"^{name}: must be a whole number from [01] to \d+\. Found: "):
            call()
