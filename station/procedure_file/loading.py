"""From a file to a `Procedure`, or to all that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from station.procedure_file.checks import check
from station.procedure_file.models import Procedure
from station.procedure_file.problems import Loaded, Problem, ProcedureRefused, meant
from station.procedure_file.problems import Path as PathInFile
from station.procedure_file.yaml_text import YamlText, read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENTRIES = ("procedure.yaml", "procedure.yml")
LARGEST_FILE_BYTES = 5_000_000


def find_file(folder: Path) -> Path | None:
    """The procedure file of a folder; None where there is none."""
    return next((folder / name for name in ENTRIES if (folder / name).is_file()), None)


def load(file: Path) -> Loaded:
    """Read a procedure file. Raises `ProcedureRefused`, also for one that cannot be read."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ProcedureRefused(file.name, [Problem(1, 1, "", f"The file cannot be read: {error.strerror}.")]) from error
    if len(raw) > LARGEST_FILE_BYTES:
        raise ProcedureRefused(file.name, [Problem(1, 1, "", "The file is larger than 5 MB.")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProcedureRefused(file.name, [Problem(line, 1, "", "The file is not UTF-8 text.")]) from error
    return load_text(text, file.name)


def load_text(text: str, file_name: str = ENTRIES[0]) -> Loaded:
    """Read the text of a procedure file. Raises `ProcedureRefused` with every problem that it has."""
    found = read_yaml(text)
    problems = list(found.problems)
    warnings: list[Problem] = []
    procedure = None
    if not problems or found.value is not None:
        try:
            procedure = Procedure.model_validate(found.value if found.value is not None else {})
        except ValidationError as refusal:
            problems += [_problem(found, error) for error in refusal.errors(include_url=False)]
        # Also where the form is wrong: who mends a file wants to know of everything that is wrong with it.
        for finding in check(found):
            (warnings if finding.is_warning else problems).append(finding.problem)
    if problems or procedure is None:
        raise ProcedureRefused(file_name, problems)
    return Loaded(procedure, tuple(sorted(set(warnings))))


def _problem(found: YamlText, error: ErrorDetails) -> Problem:
    path: PathInFile = error["loc"]
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    match kind:
        case "extra_forbidden":
            return found.problem(path, f"“{path[-1]}” is not known here.", meant(str(path[-1]), _known_at(path[:-1])))
        case "missing":
            return found.problem(path[:-1], f"“{path[-1]}” is missing.")
        case "literal_error":
            words = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            message = f"{_shown(given)} is none of: {', '.join(words)}."
            return found.problem(path, message, meant(str(given), words))
        case "value_error":
            return found.problem(path, str(context["error"]))
    return found.problem(path, _WORDS.get(kind, "{msg}.").format(shown=_shown(given), msg=error["msg"], **context))


_WORDS = {
    "string_type": "A text is wanted here, not {shown}.",
    "string_too_short": "It must not be empty.",
    "string_too_long": "It is too long: at most {max_length} characters.",
    "string_pattern_mismatch": "{shown} does not have the form that is wanted here.",
    "too_short": "At least one is needed here.",
    "too_long": "There are too many: at most {max_length}.",
    "list_type": "A list is wanted here: each of its items begins with “- ”.",
    "dict_type": "A mapping is wanted here: “key: value”, a line each.",
    "model_type": "A mapping is wanted here: “key: value”, a line each.",
    "model_attributes_type": "A mapping is wanted here: “key: value”, a line each.",
    "bool_type": "true or false is wanted here, not {shown}.",
    "bool_parsing": "true or false is wanted here, not {shown}.",
    "int_type": "A whole number is wanted here, not {shown}.",
    "int_parsing": "A whole number is wanted here, not {shown}.",
    "int_from_float": "A whole number is wanted here, not {shown}.",
    "float_type": "A number is wanted here, not {shown}.",
    "float_parsing": "A number is wanted here, not {shown}.",
    "finite_number": "A finite number is wanted here, not {shown}.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than_equal": "It must be at most {le}.",
    "greater_than": "It must be greater than {gt}.",
    "invalid_key": "A key must be a text.",
}


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f"“{value[:60]}”"
        case _:
            return str(value)[:60]


def _known_at(path: PathInFile) -> list[str]:
    """The keys that the format knows at a path."""
    model: Any = Procedure
    for step in path:
        if isinstance(step, int) or model is None:
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        model = _model_in(fields[step].annotation) if step in fields else None
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in ``list[Phase]``, ``Screen | None`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
