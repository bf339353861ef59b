"""The settings of one home: ``station.json``, written by ``station enrol`` and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from station.home import Home, write_privately
from stationmaster.cli_errors import Refusal

BACKEND = "@bench"  # PyVISA's name of our simulated backend

T = TypeVar("T", bound=BaseModel)


class _Part(BaseModel):
    """Unknown names are refused: in a file written by hand they are typing errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AutopilotPlan(_Part):
    """How a station tests unit after unit by itself.

    ``serials`` makes a serial from the running number ``n``; ``answers``: phase → component → answer as text, where a
    file may also have numbers and true or false.
    """

    procedure: str = Field(min_length=1)
    serials: str = "SN-{n:06d}"
    first: int = Field(default=1, ge=0)
    pause_s: float = Field(default=3.0, ge=0, le=86_400)
    answers: dict[str, dict[str, str]] = {}

    @field_validator("answers", mode="before")
    @classmethod
    def _answers_as_text(cls, answers: Any) -> Any:
        if not isinstance(answers, dict):
            return answers
        return {
            phase: {key: _as_text(value) for key, value in values.items()} if isinstance(values, dict) else values
            for phase, values in answers.items()
        }

    @field_validator("serials")
    @classmethod
    def _makes_different_serials(cls, pattern: str) -> str:
        try:
            is_usable = pattern.format(n=1) != pattern.format(n=2)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError("must be a pattern such as SN-{n:06d}") from error
        if not is_usable:
            raise ValueError("must contain the running number, as in SN-{n:06d}")
        return pattern

    def serial_number(self, n: int) -> str:
        """The serial of unit number ``n``."""
        return self.serials.format(n=n)


class StationSettings(_Part):
    """``bench``: the simulated bench that runs use; None = the instruments that are really there.

    ``kiosk_ui``: whether the program shows the Operator UI itself, on ``kiosk_port`` of this computer.
    """

    bench: str | None = None
    autopilot: AutopilotPlan | None = None
    kiosk_ui: bool = False
    kiosk_port: int = Field(default=7321, ge=1024, le=65_535)

    @property
    def is_simulated(self) -> bool:
        """Whether runs of this station measure a simulation."""
        return self.bench is not None

    @property
    def visa_library(self) -> str | None:
        """What PyVISA is told to use: ``<bench>@bench``, or None for the machine's own VISA."""
        if self.bench is None:
            return None
        return self.bench if self.bench.endswith(BACKEND) else f"{self.bench}{BACKEND}"


def load_settings(home: Home) -> StationSettings:
    """The settings; defaults when there is no file. Raises `Refusal` naming the bad value."""
    try:
        text = home.settings_file.read_text("utf-8")
    except FileNotFoundError:
        return StationSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The settings in {home.settings_file} cannot be read: {error}.") from error
    return _parse(StationSettings, text, home.settings_file)


def load_autopilot(path: Path) -> AutopilotPlan:
    """An autopilot plan from its own file. Raises `Refusal` naming the bad value."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"The autopilot's file {path} cannot be read: {error}.") from error
    return _parse(AutopilotPlan, text, path)


def save_settings(home: Home, settings: StationSettings) -> None:
    """Store the settings whole or not at all. Raises OSError."""
    write_privately(home.settings_file, settings.model_dump_json(indent=2, exclude_none=True) + "\n")


def bench_name(given: str) -> str:
    """A bench as it is stored: a file's path becomes absolute. Raises `Refusal` when that file does not exist.

    PyVISA's way of saying it is understood too: ``NAME@bench``, ``PATH@bench``, ``@bench`` for the default one.
    """
    if not given.strip():
        raise Refusal("--bench needs a name: one of `stationmaster bench ls`, a bench file, or @bench for the default.")
    name = given.removesuffix(BACKEND)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise Refusal(f"There is no bench file {path}.")
        return str(path)
    return given


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _parse(model: type[T], text: str, path: Path) -> T:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal(f"{path}: {where + ': ' if where else ''}{first['msg']}.") from error
