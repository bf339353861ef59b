"""``stationmaster station service``: the program starts with the machine, and again when it crashes or hangs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from station.credentials import load_credentials
from station.home import Home
from station.home_option import home_at, home_option
from station.service.launchd import Launchd
from station.service.order import ServiceManager, ServiceOrder
from station.service.running import end_running, find_running, start_in_background
from station.service.systemd import Systemd
from stationmaster.cli_errors import Refusal

EXIT_NO_MANAGER = 69  # EX_UNAVAILABLE; the installer goes on without a service
EXIT_NOT_RUNNING = 3  # as systemctl's `status`


@click.group()
def service() -> None:
    """Start the station program with the machine, and again when it crashes or hangs."""


@service.command()
@home_option
def install(home_folder: Path | None) -> None:
    """Have the program started with this machine. `start` starts it now."""
    home = home_at(home_folder)
    if load_credentials(home) is None:
        raise Refusal(f"This home is not enrolled: {home.root}. Enrol it first: stationmaster station enrol")
    manager = find_manager(home)
    if manager is None:
        raise Refusal("There is no systemd (nor launchd) here that could run a service.", EXIT_NO_MANAGER)
    click.echo(manager.install())


@service.command()
@home_option
@click.option("--background", is_flag=True, help="Where no service is installed: start it in the background.")
def start(home_folder: Path | None, background: bool) -> None:
    """Start the program, or start it again when it runs."""
    home = home_at(home_folder)
    manager = _installed_manager(home)
    if manager is not None:
        manager.stop()
        end_running(home)  # one that was started by hand holds the home
        manager.start()
        click.echo("The service is started.")
    elif background:
        end_running(home)
        process = start_in_background(ServiceOrder.of(home))
        click.echo(f"The station program runs in the background (process {process}); its log is {home.log_file}")
    else:
        raise Refusal("No service is installed: install one, or add --background.", EXIT_NO_MANAGER)


@service.command()
@home_option
def stop(home_folder: Path | None) -> None:
    """Stop the program, however it was started. A running test is ended first."""
    click.echo("The station program has stopped." if stop_program(home_at(home_folder)) else "It was not running.")


@service.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(home_folder: Path | None, as_json: bool) -> None:
    """Whether the program runs, and its service. Status 3 when it does not run."""
    home = home_at(home_folder)
    manager, process = _installed_manager(home), find_running(home)
    said = None if manager is None else manager.status()
    if as_json:
        click.echo(json.dumps({"running": process is not None, "process": process, "service": said}))
    else:
        runs = "does not run" if process is None else f"runs (process {process})"
        click.echo(f"The station program {runs}; {'no service is installed' if said is None else f'service: {said}'}.")
    sys.exit(EXIT_NOT_RUNNING if process is None else 0)


@service.command()
@home_option
def uninstall(home_folder: Path | None) -> None:
    """Stop the program, and have it started no more."""
    click.echo("The service is removed." if remove_service(home_at(home_folder)) else "There is no service.")


def find_manager(home: Home) -> ServiceManager | None:
    """What runs services on this machine; None where nothing of the kind does."""
    order = ServiceOrder.of(home)
    if sys.platform == "darwin":
        return Launchd(order)
    return Systemd(order) if Systemd.is_there(order) else None


def stop_program(home: Home) -> bool:
    """Stop the service and whatever else works in the home. False: nothing did. Raises `Refusal`."""
    was_running = find_running(home) is not None
    manager = _installed_manager(home)
    if manager is not None:
        manager.stop()
    return end_running(home) or was_running


def remove_service(home: Home) -> bool:
    """Forget the service. False: there was none. Raises `Refusal`."""
    manager = _installed_manager(home)
    if manager is None:
        return False
    manager.uninstall()
    return True


def _installed_manager(home: Home) -> ServiceManager | None:
    manager = find_manager(home)
    return manager if manager is not None and manager.is_installed() else None
