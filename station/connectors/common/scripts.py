"""How a script is executed."""

from __future__ import annotations

import sys
import types
from pathlib import Path


def execute(path: str) -> None:
    """As the interpreter does it for the program named on its command line. Raises what the script raises."""
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = module
    sys.argv[:] = [path]
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - to execute the script is what this program is for
