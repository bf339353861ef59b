"""What all parts of a procedure file have in common: no unknown keys, and keys that are derived from names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from station.procedure_file.words import Key, Name, derive_key, is_key, short

Description = short(50_000)
Count = Annotated[int, Field(ge=0)]


class Declared(BaseModel):
    """A part of the file. Immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, arbitrary_types_allowed=False)


class Named(Declared):
    """What has a name, and a key that is derived from it where none is given."""

    name: Name
    key: Key | None = None

    @property
    def id(self) -> str:
        """The key."""
        return self.key or derive_key(self.name)

    @model_validator(mode="after")
    def _has_a_key(self) -> Named:
        if self.key is None and not is_key(derive_key(self.name)):
            raise ValueError(f"No key can be made of the name “{self.name}”: give it one, with “key:”.")
        return self
