"""``--home``: the option that every station command has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from station.home import HOME_VARIABLE, Home, default_home

F = TypeVar("F", bound=Callable[..., Any])


def home_option(command: F) -> F:
    """``--home``, for every command of a station."""
    return click.option(
        "--home",
        "home_folder",
        type=click.Path(path_type=Path),
        envvar=HOME_VARIABLE,
        help=f"The station's home. Default: {HOME_VARIABLE}, else the user's data folder.",
    )(command)


def home_at(folder: Path | None) -> Home:
    """The home that was asked for, or the default one."""
    return Home((folder or default_home()).expanduser().absolute())
