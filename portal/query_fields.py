"""Queries as models: what the API and the pages ask of one alike."""

from __future__ import annotations

from functools import cache
from typing import get_origin

from pydantic import BaseModel


@cache
def list_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields that hold several values: in a query the name is then repeated."""
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is list)
