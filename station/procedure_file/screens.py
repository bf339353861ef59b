"""What a phase shows to the operator, and asks. Source: contract/procedure-format.md §11."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from station.procedure_file.declared import Count, Declared
from station.procedure_file.words import Key, Pattern, Text, derive_key, short

INPUTS = ("text_input", "number_input", "textarea", "radio", "select", "multiselect", "checklist", "switch", "slider")


class Option(Declared):
    """One of the choices of a component."""

    value: Annotated[Text, Field(max_length=200)]
    label: Annotated[Text, Field(max_length=200)]
    image: short(500) = None  # type: ignore[valid-type]


class Component(Declared):
    """A part of what a phase shows to the operator."""

    type: Literal[
        "text_input", "number_input", "textarea", "radio", "select", "multiselect", "checklist", "switch", "slider",
        "text", "image", "progress",
    ]  # fmt: skip
    key: Key | None = None
    label: short(200) = None  # type: ignore[valid-type]
    description: short(1000) = None  # type: ignore[valid-type]
    placeholder: short(200) = None  # type: ignore[valid-type]
    required: bool = False
    bind: short(200) = None  # type: ignore[valid-type]
    default_value: JsonValue = None
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: Pattern | None = None
    prefix: short(50) = None  # type: ignore[valid-type]
    suffix: short(50) = None  # type: ignore[valid-type]
    trim: bool = True
    rows: Annotated[int, Field(ge=1, le=100)] | None = None
    min: float | None = None
    max: float | None = None
    step: Annotated[float, Field(gt=0)] | None = None
    options: Annotated[list[Option], Field(min_length=1)] | None = None
    columns: Annotated[int, Field(ge=1, le=12)] | None = None
    width: Annotated[Text, Field(pattern=r"^(100|[0-9]{1,2})(\.[0-9]+)?%$")] | None = None
    height: short(50) = None  # type: ignore[valid-type]
    aspect: Literal["16/9", "4/3", "3/4", "2/3", "9/16", "square", "auto"] | None = None
    fit: Literal["contain", "cover", "fill"] | None = None
    size: Literal["xs", "sm", "base", "lg", "xl", "2xl", "3xl", "4xl"] | None = None
    color: (
        Literal[
            "default", "zinc", "red", "orange", "yellow", "green", "lime", "sky", "blue", "violet", "purple", "pink"
        ]
        | None
    ) = None
    font: Literal["default", "monospace"] | None = None

    @property
    def id(self) -> str:
        """The key: given, or derived from the label or the type."""
        return self.key or derive_key(self.label or "") or self.type

    @property
    def is_input(self) -> bool:
        """Whether the operator fills it in."""
        return self.type in INPUTS

    @model_validator(mode="after")
    def _fits_its_type(self) -> Component:
        if self.type in {"radio", "select", "multiselect", "checklist"} and not self.options:
            raise ValueError(f"A {self.type} needs options.")
        if self.options and len(self.options) > 12 and any(option.image for option in self.options):
            raise ValueError("Options with images are 12 at most.")
        if self.type == "switch" and self.options and len(self.options) != 2:
            raise ValueError("The options of a switch are its two captions.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("“min” is greater than “max”.")
        shows_pictures = self.type == "image" or any(option.image for option in self.options or ())
        for name in ("width", "aspect", "fit"):
            if getattr(self, name) is not None and not shows_pictures:
                raise ValueError(f"“{name}” is for images, and for options with images.")
        return self


class Screen(Declared):
    """What a phase shows."""

    components: list[Component] = []
    requires_input: bool = False

    @property
    def is_asking(self) -> bool:
        """Whether the phase waits for an answer."""
        return self.requires_input or any(component.is_input for component in self.components)
