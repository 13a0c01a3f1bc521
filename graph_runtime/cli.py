"""The command line: finds the commands, loads the one that is asked for, and ends with its exit code."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .commands import COMMANDS, ENTRY_POINTS, terminal
from .commands.summaries import summary
from .errors import GraphError, nearest

BAD_INPUT = 2
INTERRUPTED = 130


class CommandLine(click.Group):
    """A group whose commands are modules, and entry points of packs; each is imported when it is invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all commands."""
        return [*COMMANDS, *(name for name in _of_packs() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, or give None where there is none of that name."""
        if cmd_name in COMMANDS:
            loaded = importlib.import_module(f"graph_runtime.commands.{cmd_name}").command
        elif point := _of_packs().get(cmd_name):
            loaded = _loaded(point)
        else:
            return None
        if not isinstance(loaded, click.Command):
            raise click.ClickException(f"the pack's {cmd_name} is {type(loaded).__name__}, needs a click command.")
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            close = nearest(name, self.list_commands(ctx))
            hint = f" Did you mean {close}?" if close else ""
            ctx.fail(f'there is no command "{terminal.clean(name)}".{hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        packs = [
            (name, summary(point.module, point.attr) or f"Comes with the pack {_pack(point)}.")
            for name, point in _of_packs().items()
            if name not in COMMANDS
        ]
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items(), *packs])

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command that the arguments name, and exit: 0 well, 1 failed, 2 bad input, 130 cancelled."""
        terminal.prepare()
        extra = {name: value for name, value in extra.items() if name not in ("standalone_mode", "complete_var")}
        sys.exit(self._exit_code(args, prog_name, extra))

    def _exit_code(self, args: Sequence[str] | None, prog_name: str | None, extra: dict[str, Any]) -> int:
        try:
            code: object = super().main(args, prog_name, None, False, **extra)
        except click.ClickException as error:
            terminal.complain(_said(error))
            return error.exit_code
        except GraphError as error:
            terminal.complain(str(error))
            return BAD_INPUT
        except (click.Abort, KeyboardInterrupt):
            terminal.complain("cancelled.")
            return INTERRUPTED
        return code if isinstance(code, int) else 0


def _of_packs() -> dict[str, importlib.metadata.EntryPoint]:
    return {
        point.name: point
        for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    }


def _pack(point: importlib.metadata.EntryPoint) -> str:
    return point.module.partition(".")[0]


def _loaded(point: importlib.metadata.EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise click.ClickException(
            f"the command {point.name} of the pack {_pack(point)} cannot be loaded: {reason}"
        ) from error


def _said(error: click.ClickException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    usage = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        usage = f"{error.ctx.get_usage()}\nFor help: {error.ctx.command_path} --help\n\n"
    return f"{usage}error: {error.format_message()}"


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        terminal.say(f"controlgraph {importlib.metadata.version('controlgraph')}")
        ctx.exit()


main = CommandLine(
    "controlgraph",
    help="Run node graphs for Stable Diffusion and ControlNet: checked in full before they run, never computed twice.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=True,
)
