"""What the fields of bodies, answers and queries mean, by name: where their own declaration does not say it."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]

# "Schema.field" goes before "field".
WORDS: dict[str, str] = {
    "aggregations": "Figures over the points, such as their mean.",
    "allow_duplicate": "Store the runs again when the same content was imported before.",
    "already_imported": "Whether the same content was imported before; its runs are named, none are new.",
    "analytics_expression": "The expression that analyses use; null where it is only a text.",
    "api_key": "The key. Shown this once.",
    "artifact_sha256": "SHA-256 of the built archive, in hex.",
    "artifact_size_bytes": "Size of the built archive, in bytes.",
    "artifact_url": "Where the built archive is.",
    "attachments": "Files.",
    "author_avatar_url": "Picture of who wrote the commit.",
    "author_username": "Who wrote the commit.",
    "autoPushEnabled": "Whether a new deployment goes to its stations by itself.",
    "banned": "Whether the member may no longer sign in.",
    "batch": "The production batch.",
    "batch_number": "The production batch; made when it is new. Letters, digits, _ and -, at most 100.",
    "bool_value": "The value, where it is a truth value.",
    "branch": "The branch.",
    "build_logs": "What building said.",
    "child_serial_number": "The serial number of the sub-unit.",
    "children": "Its sub-units.",
    "client": "The program that sent it.",
    "client_run_ref": "The sender's own name for the run. Ours.",
    "code": "What happened, in a word for programs.",
    "column": "The column's heading.",
    "columns": "Which columns are measurements.",
    "commit": "What it was built from.",
    "committed_at": "When it was committed.",
    "config": "Settings that were in force.",
    "connection_status": "Whether its program is connected now.",
    "content_type": "What the file's content is.",
    "created_at": "When it was made.",
    "created_by_station": "The station that made it, or null.",
    "created_by_user": "The member who made it, or null.",
    "created_during": "The run that made it.",
    "cursor": "Where the page begins: next_cursor of the page before, unchanged. It is no offset.",
    "data": "The entries of this page.",
    "SeriesIn.data": "The points. One that could not be measured is null.",
    "data_series": "The curves' axes; null where it is a single value.",
    "deletedRevisionIds": "The ids of the revisions that went with it.",
    "deployed_at": "When it was deployed.",
    "deployment": "The deployment that ran.",
    "deployment_id": "The deployment that ran.",
    "deployment_mode": "How it reaches stations.",
    "description": "What it is.",
    "docstring": "What it does, in words.",
    "download_url": "Where its bytes are, without a key, for ten minutes; null while it was not uploaded.",
    "duration": "How long it took, as ISO 8601.",
    "duration_max": "At most so long, as ISO 8601 such as PT4M.",
    "duration_min": "At least so long, as ISO 8601 such as PT10S.",
    "duration_ms": "How long it took, in milliseconds.",
    "email": "The e-mail address.",
    "ended_at": "When it ended. Not before it started.",
    "endedColumn": "The column that says when it ended.",
    "entryPoint": "The file that starts the procedure.",
    "environment": "What the deployment is for.",
    "error": "Why it failed.",
    "excludedBranchPatterns": "Branches that are not built.",
    "exclude_retries": "Only the final attempt of each phase.",
    "exclude_units_with_parent": "Only units that are in no other.",
    "execution_id": "The start of the test program that the run is of; one for all slots.",
    "expected_value": "What the value is compared with.",
    "expression": "The limit in words, such as x >= 4.75.",
    "fields": "Where the run's fields come from.",
    "file_import_id": "The id of the import.",
    "fullName": "The repository's name with its owner.",
    "full_name": "The repository's name with its owner.",
    "has_custom_expression": "Whether the expression was given and not made.",
    "has_more": "Whether another page follows.",
    "id": "Its id.",
    "identifier": "The procedure's short identifier.",
    "ids": "Only those with one of these ids.",
    "IdsOut.ids": "The ids.",
    "image": "The member's picture.",
    "image_id": "The uploaded picture; null or an empty text for none.",
    "image_url": "Where the picture is.",
    "importer": "The file's format.",
    "include_metadata": "Give the metadata, too.",
    "include_sequences": "Give the groups of phases, too.",
    "is_decisive": "Whether it decides the outcome.",
    "is_expression_only": "Whether it is only a text, which nothing can be compared with.",
    "is_final_attempt": "Whether no later attempt follows.",
    "is_report": "Whether it is the report that the run was read from.",
    "issues": "What exactly is wrong.",
    "items": "What is to be done, each on its own.",
    "key": "The name of the entry.",
    "language": "The programming language.",
    "last_run": "The newest run.",
    "latest_only": "Only the newest run of each unit.",
    "layout": "How the table is laid out.",
    "level": "How serious it is.",
    "limit": "How many entries the page has at most, 1 to 500.",
    "line_number": "The line in the source file.",
    "linkedRepository": "The repository it is built from.",
    "logs": "The lines of the log.",
    "lower_limit": "The lowest good value. Older form of a validator.",
    "lowerColumn": "The column of the lowest good values.",
    "lowerLimit": "The lowest good value.",
    "mapping": "Which column means what.",
    "measured_value": "What was measured: a number, text, truth value, list or object.",
    "measurement_name": "The name of the measurement.",
    "measurement_outcome": "The verdict on the measurement.",
    "measurement_type": "What kind of value it is.",
    "measurements": "What was measured.",
    "message": "The text.",
    "meta": "Whether there is more, and where it goes on.",
    "metadata": "Free facts: a flat object of texts, numbers and truth values.",
    "name": "Its name.",
    "nameColumn": "The column of the names.",
    "new_number": "The new number.",
    "new_serial_number": "The new serial number.",
    "next_cursor": "Where the next page begins; null at the end. It is no offset.",
    "number": "Its number. Compared without regard to case.",
    "operated_by": "Who was at the bench: a member's e-mail address, or any name.",
    "operator": "How it is compared, such as >=.",
    "organization": "This portal.",
    "outcome": "The verdict.",
    "outcomeColumn": "The column of the verdicts.",
    "owner": "Whose it is.",
    "parent": "The unit that it is a part of, or null.",
    "parent_path": "The path of the group around it.",
    "part": "The part that it is one of.",
    "part_name": "The part's name in words.",
    "part_number": "The part's number. Compared without regard to case.",
    "path": "Where it is in the tree of groups, such as power/rails.",
    "phase": "The phase that it belongs to.",
    "phase_name": "The name of the phase.",
    "phaseColumn": "The column of the phases' names.",
    "phases": "The steps of the test, each attempt.",
    "platform": "The machine it is for.",
    "procedure": "The test procedure.",
    "procedure_id": "The test procedure.",
    "procedure_version": "The version of the procedure; made when it is new.",
    "procedures": "The procedures.",
    "procedures_count": "How many procedures are linked.",
    "productionBranch": "The branch whose builds are for production.",
    "provider": "Where the repository is.",
    "pushed": "Only what is on some station, or on none.",
    "pushed_at": "When it was sent there.",
    "recent_runs": "The newest runs.",
    "repository": "The repository.",
    "results": "What became of each, in the order of the request.",
    "retry_count": "Which attempt it is: 0 for the first.",
    "revision": "The part's revision.",
    "revision_number": "The revision's number. Compared without regard to case.",
    "revisions": "The revisions.",
    "rootDirectory": "The folder of the procedure in the repository.",
    "run": "The run.",
    "run_count": "How many runs there are.",
    "run_count_max": "At most so many runs.",
    "run_count_min": "At least so many runs.",
    "run_id": "The run.",
    "run_outcome": "The verdict on the run.",
    "runs": "The newest runs.",
    "runs_count": "How many runs there are.",
    "runtime_version": "The version of the language.",
    "sample": "Whether the unit is a sample, and which kind; null for production.",
    "search_query": "A piece of the name or number, without regard to case.",
    "secrets": "The names of secrets that were used; never their values.",
    "seq": "The place in the order.",
    "sequence_path": "The group that the phase is in.",
    "sequences": "The groups of phases.",
    "serial_number": "The unit's serial number. Compared without regard to case.",
    "sha": "The commit's hash.",
    "size": "Size in bytes.",
    "skipped": "Whether it was recorded and never built.",
    "slot_key": "The place of the unit on the bench.",
    "slot_name": "The place's name in words.",
    "slug": "The name for addresses.",
    "sort_by": "What the list is sorted by.",
    "sort_order": "The direction.",
    "source": "Where it came from.",
    "source_file": "The file that wrote the line.",
    "started_at": "When it started.",
    "startedColumn": "The column that says when it started.",
    "station": "The station.",
    "stations": "The stations.",
    "status": "How it stands.",
    "string_value": "The value, where it is a text.",
    "sub_units": "Serial numbers of the units that are in this one.",
    "success": "Whether it worked.",
    "tag": "The version's name.",
    "team": "The team.",
    "team_id": "The team; null for none.",
    "template_id": "A stored mapping.",
    "timestamp": "When it was written.",
    "trigger": "What started it.",
    "type": "Which kind it is.",
    "unit": "The unit under test.",
    "AggregationIn.unit": "The unit of measure.",
    "AggregationOut.unit": "The unit of measure.",
    "unit_count": "How many units there are.",
    "unit_metadata": "Free facts of the unit: added to those it has.",
    "unitMetadata": "Free facts of the unit.",
    "units": "The unit of measure.",
    "BatchOut.units": "The units in it, the newest first.",
    "unitsColumn": "The column of the units of measure.",
    "updated_at": "When it was last changed.",
    "upload_id": "The uploaded file.",
    "upload_url": "Where to PUT the bytes, without a key, within ten minutes.",
    "upper_limit": "The highest good value. Older form of a validator.",
    "upperColumn": "The column of the highest good values.",
    "upperLimit": "The highest good value.",
    "url": "The address.",
    "user": "The member.",
    "validators": "The limits it was compared with.",
    "value": "The value.",
    "value_bool": "Only truth values that are this one.",
    "value_max": "Only numbers up to this one.",
    "value_min": "Only numbers from this one on.",
    "value_strings": "Only texts that are one of these.",
    "valueColumn": "The column of the values.",
    "valueMap": "What the words in the column mean.",
    "variable_id": "The id of the setting.",
    "version": "The version.",
    "warnings": "What was odd, and did not stop it.",
    "x_axis": "What the curves are drawn over.",
    "y_axis": "The curves.",
}
PATTERNS = (
    (re.compile(r"created_by_(\w+)_ids"), "Only those that one of these {0}s made."),
    (re.compile(r"(\w+)_ids"), "Only those of one of these: {0}."),
    (re.compile(r"(\w+)_after"), "Only those {0} at this instant or later."),
    (re.compile(r"(\w+)_before"), "Only those {0} at this instant or earlier."),
    (re.compile(r"(\w+)_id"), "The id of the {0}."),
    (re.compile(r"(\w+)_at"), "When it was {0}."),
    (re.compile(r"(?:is|has)_(\w+)"), "Whether it is so: {0}."),
    (re.compile(r"(\w+_)*(?:\w+ss?es|\w+s)"), "Only those with one of these."),
)
# Constraints that stand behind a validator of ours come out under the library's own names.
_RENAMED = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def word_for(schema: str, field: str, *, is_query: bool = False) -> str | None:
    """What the field means. None when nobody has said it."""
    told = WORDS.get(f"{schema}.{field}") or WORDS.get(field)
    if told is not None and not (is_query and field in ("metadata",)):
        return told
    if is_query and field == "metadata":
        return 'A filter as JSON, up to 5 keys: {"key": {"in": […]}}, or contains, eq, gte, lte, gt, lt.'
    for pattern, words in PATTERNS if is_query else PATTERNS[:-1]:
        if (found := pattern.fullmatch(field)) is not None:
            return words.format(*((group or "").replace("_", " ") for group in found.groups()))
    return None


def tidy(schema: Any, name: str = "", *, is_query: bool = False) -> Any:
    """The schema with a description for each field, and without what tells nothing."""
    if isinstance(schema, list):
        return [tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: Json = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {field: _field(name, field, one, is_query=is_query) for field, one in value.items()}
        elif key == "description":
            found[key] = value.replace("``", "`")
        elif key in ("default", "const", "enum", "examples", "required"):
            found[key] = value
        elif key != "title":
            found[_RENAMED.get(str(key), str(key))] = tidy(value)
    if found.get("default", ...) in (None, [], {}):
        del found["default"]
    return found


def _field(schema: str, field: str, given: Json, *, is_query: bool) -> Json:
    found: Json = tidy(given)
    if "description" not in found and (told := word_for(schema, field, is_query=is_query)) is not None:
        found["description"] = told
    return found
