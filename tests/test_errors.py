"""The kinds of errors and what they carry."""

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
