"""The command group ``stationmaster station``: enrol, run, queue, kiosk, service, uninstall."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from station.credentials import load_credentials
from station.home import InstanceLock
from station.home_option import home_at, home_option
from station.kiosk.commands import kiosk
from station.queue_commands import queue
from station.service.commands import service
from station.settings import load_settings
from stationmaster.cli_errors import Refusal


@click.group()
def station() -> None:
    """The program that runs unattended on a test bench."""


@station.command()
@click.option("--portal", "portal_url", required=True, metavar="URL", help="The portal's address.")
@click.option("--token", required=True, help="Setup token from the station's page: one hour, single use.")
@home_option
@click.option("--bench", metavar="NAME", help="Run on this simulated bench: a name, a bench file, or @bench.")
@click.option(
    "--autopilot",
    "autopilot_file",
    type=click.Path(path_type=Path),
    help="JSON file: test unit after unit by itself.",
)
@click.option(
    "--ca-cert",
    "ca_cert_file",
    type=click.Path(path_type=Path),
    help="PEM file of a private CA to trust.",
)
@click.option("--replace", "is_replacement", is_flag=True, help="Enrol a home anew that is enrolled already.")
def enrol(
    portal_url: str,
    token: str,
    home_folder: Path | None,
    bench: str | None,
    autopilot_file: Path | None,
    ca_cert_file: Path | None,
    is_replacement: bool,
) -> None:
    """Make this machine an installation of a station."""
    from station.enrolment import EnrolmentOrder
    from station.enrolment import enrol as enrol_home

    home = home_at(home_folder)
    result = enrol_home(
        home,
        EnrolmentOrder(
            portal_url=portal_url,
            token=token,
            bench=bench,
            autopilot_file=autopilot_file,
            ca_cert_file=ca_cert_file,
            is_replacement=is_replacement,
        ),
    )
    click.echo(f'This machine is now station "{result.credentials.station_name}".')
    if result.replaced_installations:
        count = result.replaced_installations
        earlier = "1 earlier installation" if count == 1 else f"{count} earlier installations"
        click.echo(f"It replaces {earlier} of this station: the portal does not accept them any more.", err=True)
    home_hint = "" if home_folder is None else f" --home {home_folder}"
    click.echo(f"Next: stationmaster station run{home_hint}")


@station.command()
@home_option
@click.option(
    "--procedures",
    "procedure_folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Look here for procedures first. May be given more than once.",
)
@click.option(
    "--kiosk/--no-kiosk",
    "has_kiosk",
    default=None,
    help="Show the Operator UI on this computer, without the portal too. Default: kiosk_ui in station.json.",
)
@click.option(
    "--ok-when-parted",
    is_flag=True,
    help="End with 0 instead of 75: for service managers that restart after everything else.",
)
def run(
    home_folder: Path | None, procedure_folders: tuple[Path, ...], has_kiosk: bool | None, ok_when_parted: bool
) -> None:
    """Hold the link to the portal, run procedures, upload their records: the daemon."""
    from station.daemon import EXIT_PARTED, Daemon
    from station.log import configure_log
    from station.notify import ServiceNotifier

    home = home_at(home_folder)
    if load_credentials(home) is None:
        raise Refusal(
            f"This home is not enrolled: {home.root}. Create a setup token on the station's page of the portal, then: "
            "stationmaster station enrol --portal URL --token TOKEN"
        )
    for folder in procedure_folders:
        if not folder.is_dir():
            raise Refusal(f"There is no folder {folder} to look for procedures in.")
    home.prepare()
    configure_log()
    with InstanceLock(home):
        credentials = load_credentials(home)  # again, now that nobody else can change them
        if credentials is None:
            raise Refusal(f"This home is not enrolled any more: {home.root}.")
        settings = load_settings(home)
        if has_kiosk is not None:
            settings = settings.model_copy(update={"kiosk_ui": has_kiosk})
        daemon = Daemon(
            home,
            credentials,
            settings,
            [path.resolve() for path in procedure_folders],
            say=_say,
            notifier=ServiceNotifier.from_environment(),
        )
        ending = daemon.run()
    exit_code = 0 if ok_when_parted and ending.exit_code == EXIT_PARTED else ending.exit_code
    if ending.is_bad_news:
        raise Refusal(ending.line, exit_code)
    _say(ending.line, False)
    sys.exit(exit_code)


@station.command()
@home_option
@click.option("--keep-data", is_flag=True, help="Keep runs, settings and procedures.")
@click.option("--force", is_flag=True, help="Also when runs have not been sent yet: they are lost.")
def uninstall(home_folder: Path | None, keep_data: bool, force: bool) -> None:
    """Take this machine from its station: tell the portal, remove service, data and, if it was installed, program."""
    from station.uninstalling import uninstall as uninstall_home

    uninstall_home(home_at(home_folder), keep_data=keep_data, force=force, say=_say)


station.add_command(queue)
station.add_command(kiosk)
station.add_command(service)


def _say(line: str, is_bad_news: bool) -> None:
    click.echo(line, err=is_bad_news)
