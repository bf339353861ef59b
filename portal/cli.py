"""``stationmaster portal``: serve, and what an administrator does from the command line.

The commands work while the portal runs, on the same data. Each brings the database to this version first. Results are
on stdout, alone; whatever is refused is one line on stderr.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from flask import Flask

from portal import migrations
from portal.database import Database, Db
from portal.errors import PortalError
from portal.services import api_keys, invitations, members, procedures, setup_tokens, stations, users
from portal.services.actors import SYSTEM, Role
from portal.services.station_lookup import find_station_by_name
from portal.settings import BadSetting, Settings, load_settings
from stationmaster.cli_errors import Refusal

C = TypeVar("C", bound=Callable[..., Any])


def data_dir_option(command: C) -> C:
    """``--data-dir``, which every command takes."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the portal's data is. Default: STATIONMASTER_DATA_DIR, else your own data directory.",
    )(command)


def if_missing_option(command: C) -> C:
    """``--if-missing``, which makes a command that creates something repeatable."""
    return click.option(
        "--if-missing", is_flag=True, help="Change nothing when it is there already, and print the id of that one."
    )(command)


@click.group()
def portal() -> None:
    """The web server and its administration."""


@portal.command()
@click.option("--host", help="The address to listen on; 0.0.0.0 for all of this machine's. Default: 127.0.0.1.")
@click.option("--port", type=int, help="The port to listen on. Default: 8000.")
@data_dir_option
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Serve until Ctrl-C. Brings the database to this version first."""
    # Imported here: the server needs everything, the other commands start faster without it.
    from portal.server import serve as run_server

    try:
        run_server(_settings(data_dir, host=host, port=port))
    except migrations.MigrationFailed as error:
        raise Refusal(str(error)) from error


@portal.group()
def user() -> None:
    """People."""


@user.command("add")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What they may do.")
@click.option("--name", help="Their name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made.")
@if_missing_option
@data_dir_option
def add_user(
    email: str, role: str, name: str | None, password_stdin: bool, if_missing: bool, data_dir: Path | None
) -> None:
    """Add a user. Prints the password when it made one."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(12)
    with _open(data_dir) as db:
        if if_missing and users.find_member(db, email) is not None:
            return
        users.create_user(db, SYSTEM, email, role, password, name)
    if not password_stdin:
        click.echo(password)


@user.command("ls")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@data_dir_option
def list_members(as_json: bool, data_dir: Path | None) -> None:
    """List the members: address, role, name."""
    with _open(data_dir, is_new_ok=False) as db:
        after: str | None = ""
        while after is not None:
            found = members.page_members(db, SYSTEM, after=after)
            for one in found.items:
                facts = {"email": one.email, "role": one.role.value, "name": one.name, "id": one.id}
                click.echo(json.dumps(facts) if as_json else f"{one.email}\t{one.role.value}\t{one.name or ''}")
            after = found.next_after


@user.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@data_dir_option
def change_role(email: str, role: str, data_dir: Path | None) -> None:
    """Give a member another role."""
    with _open(data_dir, is_new_ok=False) as db:
        members.change_role(db, SYSTEM, _member_id(db, email), role)


@user.command("remove")
@click.argument("email")
@data_dir_option
def remove_member(email: str, data_dir: Path | None) -> None:
    """Remove a member: signed out everywhere, and their keys stop working. What they did keeps their name."""
    with _open(data_dir, is_new_ok=False) as db:
        members.remove_member(db, SYSTEM, _member_id(db, email))


@user.command("invite")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What they will be.")
@data_dir_option
def invite_member(email: str, role: str, data_dir: Path | None) -> None:
    """Make a link by which a new member comes in, and print it. It works once, for seven days."""
    with _open(data_dir) as db:
        made = invitations.invite(db, SYSTEM, email, role)
        settings = db.settings
    base = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    click.echo(f"{base}/join/{made.token}")


@portal.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.option("--user", "email", help="E-mail address of the user that the key acts for.")
@click.option("--station", help="Name of the station that the key acts for.")
@click.option("--name", default="command line", show_default=True, help="What the key is for.")
@data_dir_option
def create_key(email: str | None, station: str | None, name: str, data_dir: Path | None) -> None:
    """Make an API key and print it. It cannot be shown again."""
    if (email is None) == (station is None):
        raise Refusal("say whose key it is: either --user EMAIL or --station NAME", exit_code=2)
    with _open(data_dir, is_new_ok=False) as db:
        if station is not None:
            made = api_keys.create_station_key(db, SYSTEM, stations.require_station(db, station).id, name)
        else:
            owner = users.find_member(db, email or "")
            if owner is None:
                raise Refusal(f"there is no user {email}: add one with `portal user add`")
            made = api_keys.create_user_key(db, SYSTEM, owner, name)
    click.echo(made)


@portal.group()
def station() -> None:
    """Stations."""


@station.command("create")
@click.argument("name")
@click.option("--procedure", "procedure_ids", multiple=True, metavar="ID", help="Link this procedure; repeatable.")
@if_missing_option
@data_dir_option
def create_station(name: str, procedure_ids: tuple[str, ...], if_missing: bool, data_dir: Path | None) -> None:
    """Make a station and print its id."""
    with _open(data_dir) as db:
        found = find_station_by_name(db, name) if if_missing else None
        made = found or stations.create_station(db, SYSTEM, name, procedure_ids)
    click.echo(made.id)


@station.command("link")
@click.argument("name")
@click.option("--procedure", "procedure_id", required=True, metavar="ID", help="The procedure it may run.")
@data_dir_option
def link_procedure(name: str, procedure_id: str, data_dir: Path | None) -> None:
    """Let the station of that name run a procedure."""
    with _open(data_dir, is_new_ok=False) as db:
        procedures.link_procedure(db, SYSTEM, stations.require_station(db, name).id, procedure_id)


@portal.group()
def procedure() -> None:
    """Procedures."""


@procedure.command("create")
@click.argument("name")
@click.option("--identifier", help="Name of its folder on the bench; made from the name when not given.")
@if_missing_option
@data_dir_option
def create_procedure(name: str, identifier: str | None, if_missing: bool, data_dir: Path | None) -> None:
    """Make a procedure and print its id."""
    with _open(data_dir) as db:
        found = procedures.find_procedure(db, identifier) if if_missing and identifier else None
        made = found or procedures.create_procedure(db, SYSTEM, name, identifier)
    click.echo(made.id)


@portal.group()
def token() -> None:
    """Setup tokens."""


@token.command("create")
@click.option("--station", required=True, metavar="NAME", help="Name of the station to enrol a machine for.")
@data_dir_option
def create_token(station: str, data_dir: Path | None) -> None:
    """Make a setup token and print it. It works once, for an hour; older ones of the station stop working."""
    with _open(data_dir, is_new_ok=False) as db:
        made = setup_tokens.issue_setup_token(db, SYSTEM, stations.require_station(db, station).id)
    click.echo(made.token)


def _member_id(db: Db, email: str) -> str:
    found = users.find_member(db, email)
    if found is None:
        raise Refusal(f"there is no member {email}: `portal user ls` lists them")
    return found.id


def _settings(data_dir: Path | None, **given: Any) -> Settings:
    try:
        return load_settings(data_dir=data_dir, **given)
    except BadSetting as error:
        raise Refusal(str(error)) from error


@contextmanager
def _open(data_dir: Path | None, *, is_new_ok: bool = True) -> Iterator[Db]:
    """The database of this data directory, at this version; refusals of services end the command with one line.

    is_new_ok: whether a portal that does not exist yet may be begun, by a command that needs nothing to be there.
    """
    settings = _settings(data_dir)
    if not is_new_ok and not migrations.is_begun(settings):
        raise Refusal(f"there is no portal in {settings.data_dir}: choose its data with --data-dir")
    try:
        migrations.upgrade(settings)
        database = Database(Flask("portal"), settings)
        try:
            with database.open() as db:
                yield db
        finally:
            database.engine.dispose()
    except migrations.MigrationFailed as error:
        raise Refusal(str(error)) from error
    except PortalError as error:
        raise Refusal(
            " ".join([error.message, *(i.message for i in error.issues if i.message != error.message)])
        ) from error
