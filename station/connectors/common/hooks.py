"""Ties into a framework that was not made for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def hook(owner: Any, name: str, around: Callable[..., Any]) -> bool:
    """Put ``around(original, *args, **kwargs)`` in place of a method.

    False where this version of the framework has no such method: then only what hangs on it is lost.
    """
    original = getattr(owner, name, None)
    if original is None:
        return False

    @functools.wraps(original)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, hooked)
    return True
