"""Runs in the older words, made of the newer ones. Source: contract/v1-api.md §4."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def run_v1(run: Json) -> Json:
    """A run as ``GET /api/v2/runs/{id}`` answers it, in the older words."""
    same = ("id", "created_at", "started_at", "ended_at", "duration", "outcome", "logs")
    version, unit = run["procedure"]["version"], run["unit"]
    return {key: run[key] for key in same} | {
        "procedure": {"id": run["procedure"]["id"], "name": run["procedure"]["name"]},
        "procedure_version": {"id": version["id"], "value": version["tag"]} if version is not None else None,
        "unit": {
            "id": unit["id"],
            "serial_number": unit["serial_number"],
            "batch": unit["batch"],
            "revision": _revision(unit["part"]),
        },
        "phases": run["phases"],
        "attachments": [_attachment(file) for file in run["attachments"]],
        "file_import": _file_import(run["attachments"]),
        "created_by_user": _user(run["created_by_user"]),
        "created_by_station": run["created_by_station"],
    }


def _revision(part: Json) -> Json:
    return {
        "id": part["revision"]["id"],
        "identifier": part["revision"]["number"],
        "image": None,
        "component": {"id": part["id"], "part_number": part["number"], "name": part["name"]},
    }


def _attachment(file: Json) -> Json:
    """A file; one that was not uploaded yet has no bytes."""
    return {
        "id": file["id"],
        "filename": file["name"],
        "content_type": file["content_type"] or "application/octet-stream",
        "size": file["size"] or 0,
    }


def _file_import(files: list[Json]) -> Json | None:
    """The report that the run was read from."""
    for file in files:
        if file["is_report"]:
            upload = _attachment(file)
            return {"id": file["id"], "upload": {"name": upload.pop("filename"), **upload}}
    return None


def _user(user: Json | None) -> Json | None:
    return {"id": user["id"], "name": user["name"]} if user is not None else None
