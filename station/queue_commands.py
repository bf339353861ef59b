"""The command group ``stationmaster station queue``: what waits for the portal, by hand.

Works beside a running station program, which sees each change within two seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from station.export import export
from station.home_option import home_at, home_option
from station.outbox import Outbox
from station.outbox_file import OutboxBroken
from station.run_files import delete_files
from station.stored_record import StoredRecord
from stationmaster.cli_errors import Refusal


@click.group()
def queue() -> None:
    """Records of finished runs on their way to the portal."""


@queue.command("ls")
@home_option
@click.option("--all", "with_done", is_flag=True, help="Also those that the portal already has.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def list_queue(home_folder: Path | None, with_done: bool, as_json: bool) -> None:
    """List the records that the portal does not have yet, the oldest first."""
    with _outbox(home_folder) as outbox:
        records = outbox.records(with_done=with_done)
    if as_json:
        for record in records:
            click.echo(json.dumps(record.facts(), ensure_ascii=False))
    elif not records:
        click.echo("The queue is empty: the portal has every record.")
    else:
        for record in records:
            facts = record.facts()
            click.echo(
                f"{record.execution_id}  {record.state:9}  {facts['queued_at']}  {facts['serial_number'] or '-'}"
                f"  {facts['outcome'] or '-'}{'  ' + record.why if record.why else ''}"
            )


@queue.command("show")
@click.argument("record_id", metavar="ID")
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show_record(record_id: str, home_folder: Path | None, as_json: bool) -> None:
    """Show one record. ID: its first characters are enough."""
    with _outbox(home_folder) as outbox:
        record = _find(outbox, record_id)
    facts = record.facts()
    if as_json:
        files = [
            {"name": file.name, "path": str(file.path), "size_bytes": file.size_bytes, "is_done": file.is_done}
            for file in record.attachments
        ]
        click.echo(json.dumps({**facts, "attachments": files}, ensure_ascii=False))
        return
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name + ':':22}{value}")
    for file in record.attachments:
        click.echo(f"{'attachment:':22}{file.name} ({file.path}), {'uploaded' if file.is_done else 'not uploaded'}")


@queue.command("retry")
@click.argument("record_id", metavar="ID")
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def retry_record(record_id: str, home_folder: Path | None, as_json: bool) -> None:
    """Upload a waiting or parked record now. The running station program does it."""
    with _outbox(home_folder) as outbox:
        record = _find(outbox, record_id)
        if not outbox.retry(record.execution_id):
            raise Refusal(f"Record {record.execution_id} is {record.state}: there is nothing to retry.")
    _echo_done(as_json, record.execution_id, "queued", f"Record {record.execution_id} is queued again.")


@queue.command("drop")
@click.argument("record_id", metavar="ID")
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def drop_record(record_id: str, home_folder: Path | None, as_json: bool) -> None:
    """Delete a record and its files for good. `queue export` first keeps a copy."""
    home = home_at(home_folder)
    with _outbox(home_folder) as outbox:
        record = _find(outbox, record_id)
        if not outbox.drop(record.execution_id):
            raise Refusal(f"Record {record.execution_id} is being uploaded just now: try again in a moment.")
    delete_files(home.runs, record.execution_id)
    _echo_done(as_json, record.execution_id, "dropped", f"Record {record.execution_id} is deleted.")


@queue.command("export")
@click.argument("record_id", metavar="ID")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def export_record(record_id: str, file: Path, home_folder: Path | None, as_json: bool) -> None:
    """Write a record to FILE: JSON, or with its attachments when FILE ends in .zip."""
    with _outbox(home_folder) as outbox:
        record = _find(outbox, record_id)
    try:
        export(record, file)
    except OSError as error:
        raise Refusal(f"The record could not be written to {file}: {error.strerror or error}.") from error
    _echo_done(as_json, record.execution_id, "exported", f"Record {record.execution_id} is written to {file}.")


@contextmanager
def _outbox(home_folder: Path | None) -> Iterator[Outbox]:
    path = home_at(home_folder).outbox_file
    if not path.exists():
        raise Refusal(f"There is no station's home with an outbox in {path.parent}: choose it with --home.")
    try:
        with closing(Outbox(path)) as outbox:
            yield outbox
    except (sqlite3.Error, OSError) as error:
        raise Refusal(f"The outbox {path} cannot be used: {error}.") from error
    except OutboxBroken as error:
        raise Refusal(
            f"The outbox {path} is damaged ({error}): `station run` moves it aside and queues the newest runs again."
        ) from error


def _find(outbox: Outbox, record_id: str) -> StoredRecord:
    found = outbox.find_by_prefix(record_id)
    if not found:
        raise Refusal(f"There is no record {record_id} in the queue: see `stationmaster station queue ls --all`.")
    if len(found) > 1:
        raise Refusal(f"{len(found)} records begin with {record_id}: give more of the id.")
    return found[0]


def _echo_done(as_json: bool, execution_id: str, done: str, sentence: str) -> None:
    click.echo(json.dumps({"execution_id": execution_id, "done": done}) if as_json else sentence)
