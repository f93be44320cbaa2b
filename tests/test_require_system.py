"""A missing system package skips a test with a reason, and fails it in continuous integration."""

import os

import pytest
from conftest import require_system


def test_a_program_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERNN_REQUIRE_SYSTEM", "1")
    assert os.access(require_system("sh"), os.X_OK)


@pytest.mark.parametrize(("switch", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_missing_program_skips_or_fails(
    monkeypatch: pytest.MonkeyPatch, switch: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("EDGERNN_REQUIRE_SYSTEM", switch)
    with pytest.raises(outcome, match="needs the program 'no-such-program' of a system package"):
        require_system("no-such-program")
