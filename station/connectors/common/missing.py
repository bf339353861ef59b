"""A framework that the interpreter does not have."""

from __future__ import annotations

import sys


def missing_in_words(package: str, error: ImportError) -> str:
    """What is missing, and the remedy."""
    if isinstance(error, ModuleNotFoundError) and error.name == package.split("framework")[0]:
        return f"This procedure needs {package}, which is not installed for {sys.executable}: pip install {package}"
    return f"{package} cannot be used with {sys.executable}: {error}"
