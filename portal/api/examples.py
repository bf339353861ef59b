"""Examples of bodies and answers, made from their schemas: the same every time, and in the words of a plant.

One table says what a field of a name looks like; an id is told by what it is of, so that a unit has the same one
everywhere in an example.
"""

from __future__ import annotations

import zlib
from typing import Any

Json = dict[str, Any]

AT, LATER = "2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:12.500000Z"
DEEPEST = 12  # a schema may hold itself

VALUES: dict[str, Any] = {
    "action": "station:created",
    "address": "192.0.2.17",
    "author_username": "dev",
    "batch_number": "B-2026-47",
    "batch_numbers": ["B-2026-47"],
    "branch": "main",
    "branch_names": ["main"],
    "build_logs": [],
    "child_serial_number": "SN-000043",
    "client": "Python",
    "code": "NOT_FOUND",
    "column": "Serial",
    "comparator": "GELE",
    "connection_status": "connected",
    "content_type": "text/csv",
    "cursor": 1042,
    "description": "Output voltage over the load",
    "docstring": "All rails under full load.",
    "duration": "PT12.500S",
    "duration_ms": 12500,
    "email": "dev@example.com",
    "ended_at": LATER,
    "execution_id": "0192f0c1-7d5e-7c3a-9b1e-2f6d4a8c1e05",
    "expected_value": 4.75,
    "expression": "x >= 4.75",
    "full_name": "plant/procedures",
    "identifier": "pcba_functional",
    "image": None,
    "image_id": None,
    "image_url": None,
    "importer": "OPENHTF",
    "include_metadata": False,
    "key": "temperature",
    "language": "python",
    "level": "INFO",
    "limit": 50,
    "line_number": 42,
    "link": "PCBA functional test",
    "lower_limit": 4.75,
    "lowerLimit": 4.75,
    "measured_value": 4.98,
    "message": "rail_5v is 4.98 V",
    "metadata": {"line": "A", "temperature": 23.5},
    "unit_metadata": {"colour": "black"},
    "metadata_filter": '{"line":{"in":["A"]}}',
    "measurement_name": "rail_5v",
    "new_number": "PCBA-101",
    "new_serial_number": "SN-000044",
    "next_cursor": None,
    "operated_by": "dev@example.com",
    "operator": ">=",
    "part_number": "PCBA-100",
    "part_numbers": ["PCBA-100"],
    "path": "power/rails",
    "phase": "rails",
    "phase_name": "rails",
    "platform": "linux_x86_64",
    "procedure_version": "2.3.1",
    "procedure_versions": ["2.3.1"],
    "progress": 0.5,
    "reason": "PLANNED",
    "retry_count": 0,
    "run_passed": True,
    "step_passed": True,
    "revision_number": "C",
    "revision_numbers": ["C"],
    "search_query": "PCBA",
    "sequence_path": "power/rails",
    "serial_number": "SN-000042",
    "serial_numbers": ["SN-000042"],
    "sha": "9fceb02d0ae598e95dc970b74767f19372d61af8",
    "artifact_sha256": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    "size": 20480,
    "size_bytes": 20480,
    "slot_key": "left",
    "slot_name": "Left nest",
    "slug": "stationmaster",
    "source_file": "rails.py",
    "sort_order": "desc",
    "started_at": AT,
    "sub_units": ["SN-000043"],
    "tag": "2.3.1",
    "timestamp": AT,
    "unit": "V",
    "units": "V",
    "upload_url": "https://portal.example.com/api/uploads/InRoaXMi.aSGx",
    "download_url": "https://portal.example.com/api/downloads/InRoYXQi.aSGx",
    "upper_limit": 5.25,
    "upperLimit": 5.25,
    "url": "https://mes.example.com/hooks/runs",
    "value": 4.98,
    "version": "2.3.1",
    "warnings": [],
}
NAMES: dict[str, str] = {
    "attachment": "sweep.csv", "measurement": "rail_5v", "measurements": "rail_5v", "organization": "Stationmaster",
    "part": "Main board", "parts": "Main board", "phase": "rails", "phases": "rails", "sequences": "Power",
    "procedure": "PCBA functional test", "procedures": "PCBA functional test", "station": "Bench 7",
    "stations": "Bench 7", "created_by_station": "Bench 7", "user": "Dev", "users": "Dev", "created_by_user": "Dev",
    "operated_by": "Dev", "attachments": "sweep.csv", "x_axis": "time", "y_axis": "voltage", "webhooks": "MES",
}  # fmt: skip
NUMBERS: dict[str, str] = {
    "part": "PCBA-100", "parts": "PCBA-100", "revision": "C", "revisions": "C", "batch": "B-2026-47",
    "batches": "B-2026-47",
}  # fmt: skip
# Bodies that are better told than made: what belongs together in a run, and in the mapping of a table.
BODIES: dict[str, Json] = {
    "imports.tabular": {
        "upload_id": "",
        "procedure_id": "",
        "mapping": {
            "fields": {
                "serial_number": {"column": "Serial"},
                "outcome": {"column": "Result", "valueMap": {"good": "PASS", "bad": "FAIL"}},
                "started_at": {"column": "Start"},
                "ended_at": {"column": "End"},
                "part_number": {"value": "PCBA-100"},
            },
            "measurements": {
                "layout": "wide",
                "columns": [
                    {"column": "5 V", "name": "rail_5v", "units": "V", "lowerLimit": 4.75, "upperLimit": 5.25},
                ],
            },
        },
    },
    "runs.create": {
        "procedure_id": "",
        "procedure_version": "2.3.1",
        "serial_number": "SN-000042",
        "part_number": "PCBA-100",
        "revision_number": "C",
        "batch_number": "B-2026-47",
        "operated_by": "dev@example.com",
        "outcome": "PASS",
        "started_at": AT,
        "ended_at": LATER,
        "phases": [
            {
                "name": "rails",
                "outcome": "PASS",
                "started_at": AT,
                "ended_at": "2026-11-22T12:00:02.000000Z",
                "measurements": [
                    {
                        "name": "rail_5v",
                        "outcome": "PASS",
                        "measured_value": 4.98,
                        "units": "V",
                        "validators": [
                            {"operator": ">=", "expected_value": 4.75, "outcome": "PASS"},
                            {"operator": "<=", "expected_value": 5.25, "outcome": "PASS"},
                        ],
                    }
                ],
            }
        ],
        "logs": [
            {
                "level": "INFO",
                "timestamp": AT,
                "message": "rail_5v is 4.98 V",
                "source_file": "rails.py",
                "line_number": 42,
            }
        ],
        "metadata": {"line": "A", "temperature": 23.5},
    },
}


def example_id(of: str) -> str:
    """The id of the example of something, such as ``unit``."""
    return f"0192f0c1-0000-7000-8000-{zlib.crc32(_one(of).encode()):012x}"


def example_of(schema: Json, components: Json, of: str, *, name: str | None = None, body_of: str | None = None) -> Any:
    """A value that fits the schema.

    of: what it is, such as ``batches``. name: of the field, where it is one. body_of: the operation whose body it is.
    """
    if body_of in BODIES:
        told = dict(BODIES[body_of])
        return told | {name: example_id(name.removesuffix("_id")) for name in told if name.endswith("_id")}
    return _Maker(components, is_body=body_of is not None).value(schema, name or of, of, 0)


class _Maker:
    """Bodies hold what must be given, and of the rest what the table knows; answers hold everything."""

    def __init__(self, components: Json, *, is_body: bool) -> None:
        self._components, self._is_body = components, is_body

    def value(self, schema: Json, name: str, of: str, depth: int) -> Any:
        """name: of the field; of: what holds it, or what it is itself where it is no field."""
        if "$ref" in schema:
            return self.value(self._components[schema["$ref"].rpartition("/")[2]], name, of, depth)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return VALUES[name] if VALUES.get(name) in schema["enum"] else schema["enum"][0]
        if (choices := schema.get("anyOf") or schema.get("oneOf")) is not None:
            return self._chosen(choices, name, of, depth)
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            return self._object(schema, name, depth)
        if kind == "array":
            return self._array(schema, name, of, depth)
        return self._plain(kind, schema, name, of)

    def _chosen(self, choices: list[Json], name: str, of: str, depth: int) -> Any:
        can_be_null = any(one.get("type") == "null" for one in choices)
        if can_be_null and (depth > DEEPEST or (name in VALUES and VALUES[name] is None)):
            return None
        told = self._told(name, of)
        for one in choices:
            if told is not None and _is_of(told, one):
                return self.value(one, name, of, depth)
        # Of two makers only one is not null.
        if can_be_null and name == "created_by_station":
            return None
        return self.value(next(one for one in choices if one.get("type") != "null"), name, of, depth)

    def _object(self, schema: Json, of: str, depth: int) -> Json:
        required = schema.get("required", [])
        return {
            name: self.value(field, name, of, depth + 1)
            for name, field in schema["properties"].items()
            if not self._is_body or name in required or (depth == 0 and self._told(name, of) is not None)
        }

    def _array(self, schema: Json, name: str, of: str, depth: int) -> list[Any]:
        told = VALUES.get(name)
        items = schema.get("items", {})
        if isinstance(told, list) and (not told or _is_of(told[0], items)):
            return told
        if depth > DEEPEST:
            return []
        if name == "data" and "$ref" in items:  # the entries of a list are what the list is of
            return [self.value(items, of, of, depth + 1)]
        if name == "data":
            return [0.0, 0.5, 1.0]
        if name == "id" or name == "ids" or name.endswith("_ids"):
            return [example_id(of if name in ("id", "ids") else name.removesuffix("_ids"))]
        return [self.value(items, name, name, depth + 1)]

    def _plain(self, kind: str | None, schema: Json, name: str, of: str) -> Any:
        told = self._told(name, of)
        if told is not None and (kind is None or _is_of(told, schema)):
            return told
        if kind == "string":
            return AT if schema.get("format") == "date-time" else name.replace("_", " ")
        if kind in ("integer", "number"):
            return max(1, schema.get("minimum", 1))
        return {"boolean": False, "object": {}, "null": None}.get(kind or "")

    def _told(self, name: str, of: str) -> Any:
        if name == "id":
            return example_id(of)
        if name == "name":
            return NAMES.get(of, _one(of).capitalize())
        if name == "number":
            return NUMBERS.get(of, "PCBA-100")
        if name.endswith("_id") and name not in VALUES:
            return example_id(name.removesuffix("_id"))
        return VALUES.get(name)


def _is_of(value: Any, schema: Json) -> bool:
    """Whether a value of the table is of the schema's type."""
    kinds = {
        "string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict,
    }  # fmt: skip
    kind = schema.get("type")
    if "enum" in schema:
        return value in schema["enum"]
    if kind not in kinds or (isinstance(value, bool) and kind != "boolean"):
        return False
    if kind == "object" and "properties" in schema:
        return False
    return isinstance(value, kinds[kind])  # type: ignore[arg-type]


def _one(of: str) -> str:
    """The singular of what a list or a reference is of."""
    of = of.removeprefix("created_by_").removeprefix("operated_by_")
    if of.endswith("batches"):
        return of.removesuffix("es")
    return of.removesuffix("s") if not of.endswith("ss") else of
