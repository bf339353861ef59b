"""The command ``stationmaster``: finds the program that a sub-command belongs to, and loads only that one."""

from __future__ import annotations

import importlib
import sys
import traceback

import click

from stationmaster import __version__

COMMANDS = {
    "portal": ("portal.cli", "portal", "The web server and its administration."),
    "station": ("station.cli", "station", "The program on a test bench."),
    "run": ("station.run_command", "run", "One run of a procedure on this terminal, without a portal."),
    "bench": ("bench_sim.cli", "bench", "Simulated benches and their instruments."),
    "demo": ("stationmaster.demo", "demo", "Portal and simulated stations on this machine, no questions."),
}


class Commands(click.Group):
    """Sub-commands that are imported when used, so that each starts fast and needs only its own libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click names it)
        """Their names, in the order of the documentation."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _help = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list for ``--help``, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, _name, text) in COMMANDS.items()])


@click.command(cls=Commands, name="stationmaster")
@click.version_option(__version__, message="%(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback when something unexpected happens.")
def stationmaster(debug: bool) -> None:
    """Self-hosted system for hardware test stations: portal, station program, simulated benches."""


def main() -> None:
    """Run the command; whatever goes wrong is one line on stderr, unless ``--debug`` asks for more."""
    try:
        stationmaster()
    except Exception as error:  # noqa: BLE001  (the outermost boundary)
        if "--debug" in sys.argv[1:]:
            traceback.print_exc()
        text = str(error).strip().splitlines() or [type(error).__name__]
        print(f"stationmaster: unexpected problem: {text[0]} (run with --debug to see where)", file=sys.stderr)
        sys.exit(1)
