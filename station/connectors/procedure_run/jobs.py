"""One attempt of a phase: its function found, its parameters made, executed, and how that ended.

Source: contract/procedure-format.md §8.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..common import reasons
from .given import Measured, Metadata
from .handles import Attach, Log, LogBridge, Outcome, PhaseHandle, Results, Run, Screen, UnitHandle
from .plug_calls import PlugHandle


class NotCallable(Exception):
    """The reference of a phase leads to no function."""


def run_job(job: dict[str, Any], wire: Any, place: dict[str, Any], folder: str, attachments: str) -> dict[str, Any]:
    """Execute the job's function. Returns the fields of ``done``; only an interruption is raised."""
    if "executable" in job:
        return run_shell(job, wire, place, folder)
    measured = Measured(lambda given: wire.emit("measured", **place, measured=given))
    metadata = {"run": Metadata(job["run"]["metadata"]), "unit": Metadata(job["unit"]["metadata"])}
    bridge = LogBridge(wire, place, folder)
    logging.getLogger().addHandler(bridge)
    logging.getLogger().setLevel(logging.INFO)
    done: dict[str, Any] = {"end": "ok", "error": None}
    unit = UnitHandle(job["unit"], metadata["unit"], lambda changes: wire.emit("unit_changed", **place, unit=changes))
    try:
        _forget_modules(folder)
        function = find(job["python"], folder)
        available: dict[str, Any] = {
            "measurements": measured,
            "log": Log(wire, place, folder),
            "phase": PhaseHandle(),
            "ui": Screen(job["components"], lambda key, value: wire.emit("ui_update", **place, key=key, value=value)),
            "unit": unit,
            "run": Run(job["run"], metadata["run"]),
            "attach": Attach(wire, place, folder, attachments),
        }
        arguments = arguments_for(function, available, job["plugs"], job["results"])
        returned = function(**arguments)
        if returned is not None:
            done.update(
                end="error",
                error=f"The phase returned {returned!r:.100}. A phase returns nothing: it ends with phase.fail(), "
                "phase.skip(), phase.retry() or phase.stop(), or passes.",
            )
    except Outcome as outcome:
        done.update(end=outcome.kind, error=outcome.message or None)
    except SystemExit as leaving:
        done.update(end="error", error=f"The phase called sys.exit({'' if leaving.code is None else leaving.code!r}).")
    except NotCallable as problem:
        done.update(end="error", error=str(problem))
    except Exception as error:  # noqa: BLE001 - the edge between the user's phase and the station
        done.update(
            end="error",
            error=reasons.exception_in_words(error, folder),
            traceback=reasons.traceback_in_words(error),
        )
    finally:
        logging.getLogger().removeHandler(bridge)
    done["measured"] = measured.everything()
    done["metadata"] = {name: dict(values) for name, values in metadata.items()}
    return done


def find(reference: str, folder: str) -> Callable[..., Any]:
    """The function or class that a reference names. Raises `NotCallable`; what its module raises comes through."""
    path, _, name = reference.partition(":")
    is_file = "/" in path or path.endswith(".py") or path.startswith(("~", ".."))
    if is_file:
        file = Path(folder, Path(path).expanduser())
        file = file if file.suffix == ".py" else file.with_name(file.name + ".py")
        if not file.is_file():
            raise NotCallable(f"There is no file {file}, which “{reference}” names.")
        name = name or file.stem
        module = _module_of(file)
    else:
        name = name or path.rpartition(".")[2]
        module = importlib.import_module(path)
    found = getattr(module, name, None)
    if not callable(found):
        raise NotCallable(f"“{reference}” names no function: {module.__name__} has no “{name}”.")
    return found  # type: ignore[no-any-return]


def arguments_for(
    function: Callable[..., Any], available: dict[str, Any], plugs: dict[str, Any], results: dict[str, Any]
) -> dict[str, Any]:
    """What the function's parameters name: a built-in, a plug, or an earlier phase."""
    plug_by_name = {key.lower(): (key, access) for key, access in plugs.items()}
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in available:
            arguments[name] = available[name]
        elif name.lower() in plug_by_name:
            key, access = plug_by_name[name.lower()]
            arguments[name] = PlugHandle(key, access)
        elif name in results:
            arguments[name] = Results(name, results[name])
        elif parameter.default is parameter.empty:
            raise NotCallable(
                f"The phase wants “{name}”, which is nothing here. There are: {', '.join(available)}; "
                f"plugs: {', '.join(plugs) or 'none'}; earlier phases: {', '.join(results) or 'none'}."
            )
    return arguments


def _module_of(file: Path) -> Any:
    name = f"stationmaster_file_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise NotCallable(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _forget_modules(folder: str) -> None:
    """Each phase sees the procedure's modules as new: what one phase left in them is not there for the next one."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name != "__main__" and path and reasons.own_file(path, folder):
            del sys.modules[name]


def run_shell(job: dict[str, Any], wire: Any, place: dict[str, Any], folder: str) -> dict[str, Any]:
    """Execute a command of the shell. It is in this process's group, and ends with it."""
    executable = job["executable"]
    shell = executable["shell"] or "sh"
    where = Path(folder, Path(executable["working_directory"] or ".").expanduser())
    option = {"cmd": "/c", "powershell": "-Command", "pwsh": "-Command"}.get(shell, "-c")
    try:
        process = subprocess.Popen(
            [shell, option, executable["command"]],
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        return {"end": "error", "error": f"{shell} cannot be started in {where}: {error.strerror}.", "measured": {}}
    readers = [
        threading.Thread(target=_tell_lines, args=(pipe, level, wire, place), daemon=True)
        for pipe, level in ((process.stdout, "INFO"), (process.stderr, "ERROR"))
    ]
    for reader in readers:
        reader.start()
    status = process.wait()
    for reader in readers:
        reader.join(1.0)  # what a program that was left behind still writes is not waited for
    if status == 0:
        return {"end": "ok", "error": None, "measured": {}}
    words = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return {"end": "fail", "error": f"The command {words}.", "measured": {}}


def _tell_lines(pipe: Any, level: str, wire: Any, place: dict[str, Any]) -> None:
    for line in pipe:
        wire.emit("log", **place, level=level, message=line.decode("utf-8", "replace").rstrip("\r\n"))
