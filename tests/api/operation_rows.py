"""One row an operation of the API: a call that fits, and what a person's key and a station's get for it.

The arguments are those of the public client, by their names; without it they go where the operation says: into the
path, the query or the body. What a call needs is made anew for each, so that it can be made by either key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cast import NOON, record
from tests.core.conftest import Api

NIL = "00000000-0000-0000-0000-000000000000"
Arguments = dict[str, Any]


class Plant:
    """What a call of ``who`` needs to be there."""

    def __init__(self, api: Api, fresh: Callable[[str], str], who: str) -> None:
        self.api, self.fresh, self.who = api, fresh, who
        self.station_id, self.procedure_id = api.cast.station.id, api.cast.procedure.id

    def new(self, path: str, who: str = "dev", **body: Any) -> Any:
        """What the API answers to that POST."""
        answer = self.api.call(who, "POST", f"/api/v2/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run_body(self) -> Arguments:
        measurement = {"name": "rail_5v", "outcome": "PASS", "measured_value": 4.98}
        phase = {
            "name": "rails", "outcome": "PASS", "started_at": NOON.isoformat(), "ended_at": NOON.isoformat(),
            "measurements": [measurement],
        }  # fmt: skip
        line = {
            "level": "INFO", "timestamp": NOON.isoformat(), "message": "rail_5v is 4.98 V", "source_file": "a.py",
            "line_number": 1,
        }  # fmt: skip
        return record(self.api.cast, serial_number=self.fresh("SN"), phases=[phase], logs=[line])

    def run_id(self) -> str:
        return str(self.new("runs", "bench", **self.run_body())["id"])

    def run(self) -> Any:
        return self.api.call("dev", "GET", f"/api/v2/runs/{self.run_id()}").json()

    def procedure(self) -> str:
        return str(self.new("procedures", name=self.fresh("P"))["id"])

    def version(self) -> Arguments:
        procedure_id, tag = self.procedure(), self.fresh("V")
        self.new(f"procedures/{procedure_id}/versions", tag=tag)
        return {"procedure_id": procedure_id, "tag": tag}

    def serial(self) -> str:
        serial = self.fresh("SN")
        self.new("units", serial_number=serial, part_number="PCBA-100", revision_number="A")
        return serial

    def tree(self) -> Arguments:
        serial, child = self.serial(), self.serial()
        added = self.api.call("dev", "PUT", f"/api/v2/units/{serial}/children", json={"child_serial_number": child})
        assert added.status_code == 200
        return {"serial_number": serial, "child_serial_number": child}

    def part(self) -> str:
        number = self.fresh("PN")
        self.new("parts", number=number)
        return number

    def batch(self) -> str:
        number = self.fresh("B")
        self.new("batches", number=number)
        return number

    def station(self) -> str:
        return str(self.new("stations", name=self.fresh("S"))["id"])

    def upload(self, content: bytes = b"bytes") -> str:
        """The id of a file that the caller has put: a station links only its own."""
        made = self.new("attachments", self.who, name="file.bin")
        assert self.api.call(None, "PUT", made["upload_url"].removeprefix(self.api.url), content=content).is_success
        return str(made["id"])

    def file_of_unit(self) -> Arguments:
        serial = self.serial()
        return {"serial_number": serial, "ids": [self.new(f"units/{serial}/attachments", name="a.txt")["id"]]}

    def table(self) -> Arguments:
        lines = f"SN,Result\n{self.fresh('SN')},PASS\n"
        fields = {
            "serial_number": {"column": "SN"}, "outcome": {"column": "Result"}, "part_number": {"value": "PCBA-100"},
            "started_at": {"value": NOON.isoformat()}, "ended_at": {"value": NOON.isoformat()},
        }  # fmt: skip
        mapping = {"fields": fields, "measurements": {"layout": "none"}}
        return {"upload_id": self.upload(lines.encode()), "procedure_id": self.procedure_id, "mapping": mapping}

    def report(self) -> str:
        """The id of an OpenHTF record."""
        body = (
            f'{{"dut_id": "{self.fresh("SN")}", "outcome": "PASS", "start_time_millis": 1700000000000,'
            '"end_time_millis": 1700000002000, "metadata": {"part_number": "P-1", "procedure_id": "pcba_functional"},'
            '"phases": [], "log_records": []}'
        )
        return self.upload(body.encode())

    def webhook(self) -> str:
        body = {"name": self.fresh("hook"), "url": "http://mes.example.com/runs"}
        return str(self.new("webhooks", "ada", **body)["id"])

    def delivery(self) -> Arguments:
        webhook_id = self.webhook()
        self.new(f"webhooks/{webhook_id}/test", "ada")
        (one,) = self.api.call("ada", "GET", f"/api/v2/webhooks/{webhook_id}/deliveries").json()["data"]
        return {"id": webhook_id, "delivery_id": one["id"]}

    def run_v1(self) -> Arguments:
        unit = {"serial_number": self.fresh("SN"), "part_number": "PCBA-100"}
        return {"unit_under_test": unit, "run_passed": True, "procedure_id": self.procedure_id}


@dataclass(frozen=True)
class Row:
    """``given``: the arguments. ``person`` and ``station``: the status for each; ``who``: whose key the person's is."""

    given: Callable[[Plant], Arguments] = lambda plant: {}
    person: int = 200
    station: int = 200
    who: str = "dev"


def _revision(plant: Plant) -> Arguments:
    return {"part_number": plant.part(), "revision_number": "A"}


def _pair(plant: Plant) -> Arguments:
    return {"id": plant.station_id, "procedure_id": plant.procedure()}


OF_RUNS = {
    "runs.create": Row(Plant.run_body),
    "runs.list": Row(lambda plant: {"limit": 1}),
    "runs.get": Row(lambda plant: {"id": plant.run_id()}),
    "runs.update": Row(lambda plant: {"id": plant.run_id(), "attachments": [plant.upload()]}),
    "runs.update_metadata": Row(lambda plant: {"id": plant.run_id(), "metadata": {"line": "A"}}),
    "runs.delete": Row(lambda plant: {"ids": [plant.run_id()]}, station=403),
    "runs.create_attachment": Row(lambda plant: {"id": plant.run_id(), "name": "a.txt"}),
    "runs.create_batch": Row(lambda plant: {"lines": [plant.run_body()]}),
    "runs.events": Row(),
    "phases.list": Row(lambda plant: {"procedure_id": plant.procedure_id}),
    "phases.get": Row(lambda plant: {"id": plant.run()["phases"][0]["id"]}),
    "measurements.list": Row(lambda plant: {"procedure_id": plant.procedure_id}),
    "measurements.get": Row(lambda plant: {"id": plant.run()["phases"][0]["measurements"][0]["id"]}),
    "logs.list": Row(lambda plant: {"limit": 1}),
    "logs.get": Row(lambda plant: {"id": plant.run()["logs"][0]["id"]}),
}
OF_UNITS = {
    "units.create": Row(
        lambda plant: {"serial_number": plant.fresh("SN"), "part_number": "PCBA-100", "revision_number": "A"}
    ),
    "units.list": Row(lambda plant: {"limit": 1}),
    "units.delete": Row(lambda plant: {"serial_numbers": [plant.serial()]}, station=403),
    "units.get": Row(lambda plant: {"serial_number": plant.serial()}),
    "units.update": Row(lambda plant: {"serial_number": plant.serial(), "new_serial_number": plant.fresh("SN")}),
    "units.add_child": Row(lambda plant: {"serial_number": plant.serial(), "child_serial_number": plant.serial()}),
    "units.remove_child": Row(Plant.tree),
    "units.create_attachment": Row(lambda plant: {"serial_number": plant.serial(), "name": "a.txt"}),
    "units.delete_attachment": Row(Plant.file_of_unit, station=403),
    "parts.create": Row(lambda plant: {"number": plant.fresh("PN")}),
    "parts.list": Row(lambda plant: {"limit": 1}),
    "parts.get": Row(lambda plant: {"number": plant.part()}),
    "parts.update": Row(lambda plant: {"number": plant.part(), "name": "Board"}, station=403),
    "parts.delete": Row(lambda plant: {"number": plant.part()}, station=403),
    "parts.revisions.create": Row(lambda plant: {"part_number": plant.part(), "number": "B"}),
    "parts.revisions.get": Row(_revision),
    "parts.revisions.update": Row(lambda plant: {**_revision(plant), "number": "B"}, station=403),
    "parts.revisions.delete": Row(_revision, station=403),
    "batches.create": Row(lambda plant: {"number": plant.fresh("B")}),
    "batches.list": Row(lambda plant: {"limit": 1}),
    "batches.get": Row(lambda plant: {"number": plant.batch()}),
    "batches.update": Row(lambda plant: {"number": plant.batch(), "new_number": plant.fresh("B")}, station=403),
    "batches.delete": Row(lambda plant: {"number": plant.batch()}, station=403),
}
OF_PROCEDURES_AND_STATIONS = {
    "procedures.create": Row(lambda plant: {"name": plant.fresh("P")}, station=403),
    "procedures.list": Row(lambda plant: {"limit": 1}),
    "procedures.get": Row(lambda plant: {"id": plant.procedure_id}),
    "procedures.update": Row(lambda plant: {"id": plant.procedure(), "name": plant.fresh("P")}, station=403),
    "procedures.delete": Row(lambda plant: {"id": plant.procedure()}, station=403),
    "procedures.versions.create": Row(lambda plant: {"procedure_id": plant.procedure(), "tag": "1"}, station=403),
    "procedures.versions.get": Row(Plant.version),
    "procedures.versions.delete": Row(Plant.version, station=403),
    "stations.create": Row(lambda plant: {"name": plant.fresh("S")}, station=403),
    "stations.list": Row(lambda plant: {"limit": 1}, station=403),
    "stations.get_current": Row(person=403),
    "stations.get": Row(lambda plant: {"id": plant.station_id}),
    "stations.update": Row(lambda plant: {"id": plant.station(), "name": plant.fresh("S")}, station=403),
    "stations.remove": Row(lambda plant: {"id": plant.station()}, station=403),
    "stations.link_procedure": Row(_pair, station=403),
    "stations.unlink_procedure": Row(_pair, station=403),
    "stations.link_procedure_by_call": Row(lambda plant: {"json": _pair(plant)}, station=403),
    "stations.get_presence": Row(lambda plant: {"id": plant.station_id}),
    "stations.get_uptime": Row(lambda plant: {"id": plant.station_id, "window": "24h"}),
    "deployments.list": Row(),
    "deployments.get": Row(lambda plant: {"id": NIL}, person=404, station=404),  # there are none yet
}
OF_PEOPLE_AND_FILES = {
    "users.list": Row(),
    "users.get_current": Row(station=403),
    "identity.whoami": Row(),
    "attachments.initialize": Row(lambda plant: {"name": "a.txt"}),
    "attachments.finalize": Row(lambda plant: {"id": plant.upload()}),
    "attachments.delete": Row(lambda plant: {"ids": [plant.upload()]}),
    "imports.structured": Row(lambda plant: {"items": [{"upload_id": plant.report(), "importer": "OPENHTF"}]}),
    "imports.tabular": Row(Plant.table),
    "webhooks.create": Row(
        lambda plant: {"name": plant.fresh("hook"), "url": "http://mes.example.com/runs"}, station=403, who="ada"
    ),
    "webhooks.list": Row(station=403, who="ada"),
    "webhooks.get": Row(lambda plant: {"id": plant.webhook()}, station=403, who="ada"),
    "webhooks.update": Row(lambda plant: {"id": plant.webhook(), "is_active": False}, station=403, who="ada"),
    "webhooks.delete": Row(lambda plant: {"id": plant.webhook()}, station=403, who="ada"),
    "webhooks.test": Row(lambda plant: {"id": plant.webhook()}, station=403, who="ada"),
    "webhooks.list_deliveries": Row(lambda plant: {"id": plant.webhook()}, station=403, who="ada"),
    "webhooks.retry_delivery": Row(Plant.delivery, station=403, who="ada"),
    "audit.list": Row(lambda plant: {"limit": 1}, station=403, who="ada"),
}
OF_V1 = {
    "v1.runs.create": Row(Plant.run_v1),
    "v1.runs.list": Row(lambda plant: {"serial_number": plant.serial()}),
    "v1.runs.delete": Row(lambda plant: {"id": plant.run_id()}, station=403),
    "v1.units.change": Row(
        lambda plant: {"serial_number": plant.serial(), "sub_units": [{"serial_number": plant.serial()}]}
    ),
    "v1.units.update": Row(
        lambda plant: {"serial_number": plant.serial(), "sub_units": [{"serial_number": plant.serial()}]}
    ),
    "v1.units.delete": Row(lambda plant: {"serial_number": plant.serial()}, station=403),
    "v1.uploads.initialize": Row(lambda plant: {"name": "a.txt"}),
    "v1.uploads.sync": Row(lambda plant: {"upload_id": plant.upload(), "run_id": plant.run_id()}),
    "v1.import": Row(lambda plant: {"upload_id": plant.report(), "importer": "OPENHTF"}),
    "v1.streaming": Row(),
}
ROWS: dict[str, Row] = OF_RUNS | OF_UNITS | OF_PROCEDURES_AND_STATIONS | OF_PEOPLE_AND_FILES | OF_V1
