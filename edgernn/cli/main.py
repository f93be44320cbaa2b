"""The ``edgernn`` command: a table of commands that are imported when they are called, and one place for errors.

The program's exit statuses: 0 ok, 1 a check failed, 2 usage or bad input, 3 the environment or a device failed,
130 interrupted, 141 the reader of a pipe has gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

import click
from click.exceptions import Exit

import edgernn
from edgernn.cli.output import lines_for_stderr, printable, wants_color
from edgernn.cli.streams import discard_stdout, open_standard_streams
from edgernn.errors import EdgernnError

PROGRAM = "edgernn"
DEBUG = "EDGERNN_DEBUG"
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Entry(NamedTuple):
    """Where a command is defined, ``module:attribute``, and its line in the overview."""

    target: str
    help: str


COMMANDS = {
    "recipes": Entry("edgernn.cli.recipes:command", "List the training recipes and their data."),
    "train": Entry("edgernn.cli.train:command", "Train a recurrent model on real data."),
    "convert": Entry("edgernn.cli.convert:command", "Convert a Keras model to a small .tflite, quantized if you like."),
    "check": Entry("edgernn.cli.check:command", "Say whether a model can be converted, to what, and at what cost."),
    "layers": Entry("edgernn.cli.layers:command", "List the layers of Keras that are supported."),
    "inspect": Entry("edgernn.cli.inspect:command", "Show layers, parameters, operators and bytes of a model."),
    "verify": Entry("edgernn.cli.verify:command", "Run an artifact and compare its outputs with Keras."),
    "predict": Entry("edgernn.cli.predict:command", "Run an artifact on samples and print or write its answers."),
    "deploy": Entry(
        "edgernn.cli.deploy:command", "Run an artifact on a device and compare its answers with this machine's."
    ),
    "stream": Entry("edgernn.cli.stream:command", "Feed frames to a streamed model and print its answers."),
    "profile": Entry("edgernn.cli.profile:command", "Measure bytes, memory and latency, and whether it fits a board."),
    "compare": Entry("edgernn.cli.compare:command", "Say whether LSTM or GRU, on your data and within your budget."),
    "devices": Entry("edgernn.cli.devices:command", "List the boards that are known."),
    "doctor": Entry("edgernn.cli.doctor:command", "Say what is installed, and what is missing for what."),
}


class CommandTable(click.Group):
    """A group whose commands are imported only when they are called, so that ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order, which is the order of work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if (entry := COMMANDS.get(cmd_name)) is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, name those that exist and the closest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name, COMMANDS, n=1)
            raise EdgernnError(
                f"command: must be one of {', '.join(COMMANDS)}. Found: '{name}'.",
                hint=f"did you mean '{close[0]}'?" if close else f"'{PROGRAM} --help' says what each does.",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from edgernn import __version__

        click.echo(f"{PROGRAM} {__version__}")
        ctx.exit()


@click.group(cls=CommandTable, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Keras LSTM and GRU to phones, Raspberry Pi and microcontrollers.

    Results go to stdout, progress and errors to stderr. Every command has --help, and --json for programs.
    """


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    open_standard_streams()
    edgernn.own_process = True
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line and return the exit status."""
    return guarded(lambda: _invoke(list(args)))


def guarded(action: Callable[[], int]) -> int:
    """Run `action` and return its exit status; every error is reported here and nowhere else."""
    try:
        status = action()
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not while the interpreter shuts down
        return status
    except EdgernnError as error:
        _report_all(error)
        return error.exit_status
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else PROGRAM
        _report(" ".join(error.format_message().split()), f"'{path} --help' shows the usage.")
        return 2
    except click.ClickException as error:
        _report(" ".join(error.format_message().split()))
        return 2
    except (KeyboardInterrupt, click.Abort):
        _echo("interrupted")
        return 130
    except BrokenPipeError:
        discard_stdout()
        return 141  # 128 + SIGPIPE, as of any program whose reader has gone
    except MemoryError as error:
        text = f"out of memory. {error}".strip()
        return _fail(text, "close other programs, or take a smaller model or fewer samples.")
    except OSError as error:
        place = f" '{error.filename}'" if error.filename else ""
        full = error.errno in _DISK_FULL
        discard_stdout()
        return _fail(
            f"the system refused{place}: {error.strerror or error}.",
            "free some disk space." if full else "check that the path exists and that you may use it.",
        )
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == PROGRAM:
            return _fail_inside(error)
        from edgernn.diagnosis import install_command

        return _fail(f"package '{error.name}': is needed here and not installed.", install_command(error.name))
    except Exception as error:
        return _fail_inside(error)


def _invoke(args: list[str]) -> int:
    """Parse and run; the status is a command's returned whole number, or 0."""
    if instruction := os.environ.get("_EDGERNN_COMPLETE"):  # set by the shell's completion script
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, PROGRAM, "_EDGERNN_COMPLETE", instruction)
    if not args:
        _echo_all(cli.get_help(click.Context(cli, info_name=PROGRAM)))
        return 2
    try:
        with cli.make_context(PROGRAM, args, obj=tuple(args)) as context:  # `compare` writes down how it was called
            result: Any = cli.invoke(context)
    except Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else 0


def _report_all(error: EdgernnError) -> None:
    """Print the error; of a model that breaks several rules, each rule, then each hint once."""
    for message, _ in error.broken:
        _report(message)
    for hint in dict.fromkeys(hint for _, hint in error.broken if hint):
        _hint(hint)


def _report(message: str, hint: str = "") -> None:
    first, *rest = lines_for_stderr(message, len("error: "))
    _echo(first, click.style("error:", fg="red", bold=True))
    for line in rest:
        _echo(line)
    if hint:
        _hint(hint)


def _hint(hint: str) -> None:
    _echo(hint, click.style("hint:", fg="cyan", bold=True))


def _fail(message: str, hint: str) -> int:
    """Report that the environment failed."""
    _report(message, hint)
    _print_traceback()
    return 3


def _fail_inside(error: Exception) -> int:
    """Report an exception that nobody foresaw, on one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    _report(f"internal error: {text}", "" if _debugging() else f"set {DEBUG}=1 to see the traceback, and report it.")
    _print_traceback()
    return 3


def _debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _print_traceback() -> None:
    if _debugging():
        import traceback

        _echo_all(traceback.format_exc().rstrip())


def _echo_all(text: str) -> None:
    for line in text.split("\n"):
        _echo(line)


def _echo(text: str, label: str = "") -> None:
    """Print a line on stderr, in colour where that is wanted; there is nowhere to report that stderr is gone."""
    line = f"{label} {printable(text)}" if label else printable(text)
    with contextlib.suppress(OSError):
        click.echo(line, err=True, color=None if wants_color() else False)
