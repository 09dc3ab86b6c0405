"""The console script: registers the commands and turns errors into one line and an exit status."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgefer import __version__
from edgefer.cli.benchmark import benchmark
from edgefer.cli.build import build
from edgefer.cli.calibrate import calibrate
from edgefer.cli.convert import convert
from edgefer.cli.data import data
from edgefer.cli.doctor import doctor
from edgefer.cli.evaluate import evaluate
from edgefer.cli.export import export
from edgefer.cli.inspect import inspect
from edgefer.cli.models import models
from edgefer.cli.output import note
from edgefer.cli.run import run
from edgefer.cli.train import train
from edgefer.errors import EdgeferError, MachineError
from edgefer.files import DISK_FULL

INTERRUPTED = 130
READER_GONE = 128 + 13  # what a shell reports for a program that SIGPIPE ended
# Standard output cannot be written: the disk behind it, the terminal, or no way to write at all.
_UNWRITABLE = DISK_FULL | {errno.EIO, errno.EBADF}
# What OpenCV and its FFmpeg fail at is reported by us, in one line.
_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}

# Newer typers carry a copy of click, older ones use the library: this is either.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]


class _ReaderGone(Exception):
    """Whoever reads our output has closed it."""


class _Group(TyperGroup):
    """Keeps two exceptions from typer, which would give them an exit status of its own."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options; some of them print and end it."""
        with _kept():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _kept():
            return super().invoke(ctx)


@contextmanager
def _kept() -> Iterator[None]:
    """Give the two another name, by which typer does not know them."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise typer.Abort from error
    except BrokenPipeError as error:
        raise _ReaderGone from error


app = typer.Typer(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half the time to show, and brackets stay brackets
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgefer {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def edgefer(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Facial-expression networks from FP32 to an INT8 or FP16 engine at the edge."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


app.command()(benchmark)
app.command()(build)
app.command()(calibrate)
app.command()(convert)
app.command()(data)
app.command()(doctor)
app.command()(evaluate)
app.command()(export)
app.command()(inspect)
app.command()(models)
app.command()(run)
app.command()(train)


def main() -> None:
    """The program `edgefer`: runs a command and exits with its status."""
    _prepare()
    try:
        status = _run()
        sys.stdout.flush()
    except (_ReaderGone, BrokenPipeError):
        status = READER_GONE
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        where = error.filename or "standard output"
        note(f"edgefer: {where}: cannot be written ({error.strerror}); make room or use another")
        status = MachineError.exit_status
    _flush()
    sys.exit(status)


def _prepare() -> None:
    """Streams that take any text, quiet libraries, and signals that end like Ctrl-C."""
    if sys.stderr is None:  # closed: print would take standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        note("edgefer: standard output is closed; send it to /dev/null to do without")
        sys.exit(MachineError.exit_status)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)


def _flush() -> None:
    # Python flushes once more as it exits, and would complain.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run() -> int:
    command = typer.main.get_command(app)
    try:
        return command.main(prog_name="edgefer", standalone_mode=False) or 0
    except EdgeferError as error:
        note(f"edgefer: {error}")
        return error.exit_status
    except _UsageError as error:
        path = error.ctx.command_path if error.ctx else "edgefer"
        note(f"edgefer: {error.format_message().rstrip('.')}; see: {path} --help")
        return 2
    except MemoryError as error:
        note(f"edgefer: this machine has too little memory for it ({str(error) or 'none is left'})")
        return MachineError.exit_status
    except (typer.Abort, KeyboardInterrupt):
        note("edgefer: interrupted")
        return INTERRUPTED
