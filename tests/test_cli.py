"""The command table and the one place where errors become messages and exit statuses."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from edgernn.cli.main import COMMANDS, Entry, cli, run
from edgernn.errors import CheckFailed, EnvironmentProblem, InputError, UnsupportedError

EDGERNN = [sys.executable, "-m", "edgernn"]
HEAVY = ("tensorflow", "keras", "h5py", "numpy", "rich", "ai_edge_litert", "flatbuffers", "tflite_micro", "matplotlib")

failing: Callable[[], object] = lambda: None  # noqa: E731  (what the command `fail` below does; each test sets its own)


@click.command()
@click.option("--units", type=int)
def command(units: int | None) -> object:
    """A command that does what the test wants."""
    return failing()


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object] | BaseException], int]:
    """Run a command that raises the given exception or calls the given function; return the exit status."""

    def run_failing(behaviour: Callable[[], object] | BaseException) -> int:
        def act() -> object:
            if isinstance(behaviour, BaseException):
                raise behaviour
            return behaviour()

        monkeypatch.setattr(sys.modules[__name__], "failing", act)
        return run(["fail"])

    monkeypatch.setitem(COMMANDS, "fail", Entry(f"{__name__}:command", "Fail."))
    return run_failing


Fail = Callable[[Callable[[], object] | BaseException], int]
Captured = pytest.CaptureFixture[str]


# --- the table ---


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from edgernn.cli.main import run; status = run(['--help'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for name, entry in COMMANDS.items():
        assert f"\n  {name} " in result.stdout
        assert entry.help.split(",")[0][:40] in result.stdout
    assert "click" in result.stderr.split()
    assert not set(HEAVY) & set(result.stderr.split())


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_exists_and_explains_itself(name: str, capsys: Captured) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, click.Command)
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Usage: edgernn {name} ")
    assert "--json" in shown.out
    assert "--quiet" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_help_of_a_command_imports_no_framework(name: str) -> None:
    program = (
        f"import sys; from edgernn.cli.main import run; status = run([{name!r}, '--help'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not (set(HEAVY) - {"numpy"}) & set(result.stderr.split())


def test_version(capsys: Captured) -> None:
    from edgernn import __version__

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"edgernn {__version__}\n"


def test_no_command_shows_the_help_as_an_error(capsys: Captured) -> None:
    assert run([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Commands:" in shown.err


def test_an_unknown_command_suggests_the_closest(capsys: Captured) -> None:
    assert run(["convrt", "model.keras"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: command: must be one of {', '.join(COMMANDS)}. Found: 'convrt'."
    assert hint == "hint: did you mean 'convert'?"
    assert run(["qqqq"]) == 2
    assert capsys.readouterr().err.splitlines()[1] == "hint: 'edgernn --help' says what each does."


# --- errors and exit statuses ---


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [
        (InputError("a: must be b. Found: c.", hint="do d."), 2, ["error: a: must be b. Found: c.", "hint: do d."]),
        (CheckFailed("relative error: must be at most 0.05. Found: 0.06."), 1, None),
        (EnvironmentProblem("runtime: must be installed.", hint="install it."), 3, None),
        (
            UnsupportedError([("layer 'x': no.", "use y."), ("layer 'z': no.", "use y.")]),
            2,
            ["error: layer 'x': no.", "error: layer 'z': no.", "hint: use y."],
        ),
        (click.UsageError("Missing argument."), 2,
         ["error: Missing argument.", "hint: 'edgernn fail --help' shows the usage."]),
        (click.ClickException("No such file."), 2, ["error: No such file."]),
        (click.Abort(), 130, ["interrupted"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
        (BrokenPipeError(), 141, []),
        (MemoryError("Unable to allocate 9 TiB"), 3, None),
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/m.tflite"), 3,
         ["error: the system refused '/tmp/m.tflite': No space left on device.", "hint: free some disk space."]),
        (ModuleNotFoundError("No module named 'h5py'", name="h5py"), 3,
         ["error: package 'h5py': is needed here and not installed.", "hint: pip install 'edgernn[convert]'"]),
        (ModuleNotFoundError("No module named 'edgernn.gone'", name="edgernn.gone"), 3, None),
        (ValueError("two\nlines"), 3, [
            "error: internal error: ValueError: two lines",
            "hint: set EDGERNN_DEBUG=1 to see the traceback, and report it.",
        ]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
def test_each_failure_has_its_status_and_message(
    fail: Fail, capsys: Captured, error: BaseException, status: int, lines: list[str] | None
) -> None:
    assert fail(error) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    if lines is not None:
        assert shown.err.splitlines() == lines
    else:
        assert shown.err.startswith("error: ")


def test_the_debug_switch_shows_the_traceback(fail: Fail, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERNN_DEBUG", "1")
    assert fail(lambda: 1 / 0) == 3
    shown = capsys.readouterr().err
    assert shown.startswith("error: internal error: ZeroDivisionError: division by zero\nTraceback (most recent")
    assert "hint:" not in shown


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (1, 1), ("text", 0)])
def test_a_command_may_return_its_status(fail: Fail, returned: object, status: int) -> None:
    assert fail(lambda: returned) == status


def test_a_command_may_leave_by_its_context(fail: Fail) -> None:
    assert fail(lambda: click.get_current_context().exit(1)) == 1


@pytest.mark.parametrize("arguments", [["--units", "many"], ["--unit"], ["surplus"]])
@pytest.mark.usefixtures("fail")
def test_usage_errors_name_the_command_to_ask(arguments: list[str], capsys: Captured) -> None:
    assert run(["fail", *arguments]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert hint == "hint: 'edgernn fail --help' shows the usage."


def test_a_closed_pipe_is_quiet() -> None:
    """The reader is gone before the first write, as in ``edgernn doctor --json | true``."""
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([*EDGERNN, "doctor", "--json"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_an_environment_failure() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*EDGERNN, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 3
    assert result.stderr.splitlines() == [
        "error: the system refused: No space left on device.",
        "hint: free some disk space.",
    ]


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    """A real signal to a real process, in the middle of a command."""
    program = (
        "import sys, time, click; from edgernn.cli import main\n"
        "command = click.Command('wait', callback=lambda: (print('waiting', flush=True), time.sleep(60)))\n"
        "main.cli.get_command = lambda context, name: command\n"
        "main.COMMANDS['wait'] = main.COMMANDS['doctor']; sys.exit(main.run(['wait']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "interrupted\n")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(
    fail: Fail, capsys: Captured, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert fail(InputError("a: must be b.")) == 2
    assert ("\x1b[" in capsys.readouterr().err) is coloured


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("doc", "doctor"),
        ("convert m.keras --quantize int1", "int16x8"),
        ("convert m.keras --target m", "micro"),
        ("profile m.tflite --board nucleo-h", "nucleo-h743zi2"),
        ("profile m.tflite --board al", "all"),
        ("compare --board arduino-z", "arduino-zero"),
        ("convert --quan", "--quantize"),
    ],
)
def test_the_shell_completes(
    shell: str, words: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("_EDGERNN_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", f"edgernn {words}" if shell != "fish" else f"edgernn {words.rpartition(' ')[0]}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())) if shell != "fish" else words.split()[-1])
    assert run([]) == 0
    assert offered in re.split(r"[,\s]", capsys.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("_EDGERNN_COMPLETE", f"{shell}_source")
    assert run([]) == 0
    assert f"_EDGERNN_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_bash_itself_completes(tmp_path: Path) -> None:
    program = tmp_path / "edgernn"
    root = Path(__file__).parent.parent
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{root}' exec '{sys.executable}' -m edgernn \"$@\"\n")
    program.chmod(0o755)
    script = (
        'eval "$(_EDGERNN_COMPLETE=bash_source edgernn)"\n'
        'COMP_WORDS=(edgernn insp) COMP_CWORD=1; _edgernn_completion edgernn; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["inspect"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_no_option_takes_a_number_beyond_every_count_or_an_empty_path(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    for parameter in found.params:
        refused = {"integer": "9" * 25, "integer range": "9" * 25, "path": ""}.get(parameter.type.name)
        if refused is not None:
            with pytest.raises(click.BadParameter):
                parameter.type(refused, parameter, click.Context(found))
