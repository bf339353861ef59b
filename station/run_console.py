"""One run on a terminal: what happens, line by line, and questions that are answered there."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

import click

from station.engine import Engine, Refused
from station.operator_formats import duration
from station.operator_limits import limit_words, measured_text
from station.prompts import check_answer
from station.protocol import (
    AnyRunEvent,
    Component,
    IdentifyRequest,
    IdentifyResolved,
    Measurement,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    RunComplete,
    RunCrashed,
    UiClosed,
    UiRequest,
)

_COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.ERROR: "magenta", Outcome.TIMEOUT: "yellow"}
_SHAPES = {Outcome.PASS: "✓", Outcome.FAIL: "✕", Outcome.ERROR: "!", Outcome.TIMEOUT: "⧖", Outcome.ABORTED: "■",
           Outcome.SKIP: "↷"}  # fmt: skip
_LOUD = frozenset({"WARNING", "ERROR", "CRITICAL"})
EXIT_CODES = {Outcome.PASS: 0, Outcome.ABORTED: 130}


class RunConsole:
    """Shows the events of one run and answers its questions. `take` is for the engine's threads, `run` for its owner.

    Colours and shapes are for people: where the output is no terminal, click leaves the colours out.
    """

    def __init__(self, *, is_verbose: bool) -> None:
        self._is_verbose = is_verbose
        self._events: queue.SimpleQueue[AnyRunEvent] = queue.SimpleQueue()
        self._closed: set[str] = set()

    def take(self, event: AnyRunEvent) -> None:
        """Note an event."""
        if isinstance(event, UiClosed):
            self._closed.add(event.request_id)
        self._events.put(event)

    def run(self, engine: Engine) -> int:
        """Show the run to its end. Ctrl-C stops it, a second one kills it. Returns the exit code."""
        stops = 0
        while True:
            try:
                event = self._events.get()
                self._show(event)
                if isinstance(event, RunComplete):
                    return EXIT_CODES.get(event.outcome, 1) if event.exit_code is None else event.exit_code
                if isinstance(event, UiRequest | IdentifyRequest):
                    self._ask(engine, event)
            except KeyboardInterrupt:
                stops += 1
                words = ("Stopping: instruments are made safe. Ctrl-C again kills.", "Killing.")[min(stops, 2) - 1]
                click.secho(f"\n{words}", fg="yellow", err=True)
                _obey(engine.stop if stops == 1 else engine.kill)

    def _show(self, event: AnyRunEvent) -> None:
        match event:
            case IdentifyResolved() if event.unit.serial_number:
                click.echo(f"unit {event.unit.serial_number}")
            case PhaseStarted() if self._is_verbose:
                click.secho(f"… {event.name}", dim=True)
            case PhaseLog() if self._is_verbose or event.level in _LOUD:
                click.secho(f"    {event.message}", fg="yellow" if event.level in _LOUD else None, dim=True)
            case PhaseComplete():
                self._show_phase(event)
            case RunCrashed():
                click.secho(event.error, fg="magenta", err=True)
            case RunComplete():
                if event.error:
                    click.secho(event.error, fg=_COLOURS.get(event.outcome), err=True)
                click.secho(
                    f"{_SHAPES[event.outcome]} {event.outcome.value}", fg=_COLOURS.get(event.outcome), bold=True
                )

    def _show_phase(self, event: PhaseComplete) -> None:
        took = duration((event.ended_at - event.started_at).total_seconds() * 1000)
        again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        colour = _COLOURS.get(event.outcome)
        click.secho(f"{_SHAPES[event.outcome]} {event.name}{again}", fg=colour, nl=False)
        click.secho(f"  {took}", dim=True)
        for measurement in event.measurements or ():
            click.echo(f"    {_line_of(measurement)}")
        if event.error:
            for line in event.error.splitlines():
                click.secho(f"    {line}", fg=colour)

    def _ask(self, engine: Engine, event: UiRequest | IdentifyRequest) -> None:
        """On the terminal. What is refused is asked for again; where nobody is there to answer, the run is stopped."""
        message = event.message if isinstance(event, UiRequest) else "Which unit?"
        if message:
            click.secho(message, bold=True)
        while event.request_id not in self._closed:
            answers = _typed(event.components)
            if answers is None:
                click.secho("There is nobody to answer: the run is stopped.", fg="yellow", err=True)
                _obey(engine.stop)
                return
            try:
                engine.answer(event.request_id, answers, "the terminal")
            except Refused as refusal:
                click.secho(refusal.reason, fg="red", err=True)
            else:
                return


def _obey(act: Callable[[str | None], None]) -> None:
    """In a thread: the engine may be busy telling us something."""

    def do() -> None:
        try:
            act("the terminal")
        except Refused:
            return  # it has ended meanwhile

    threading.Thread(target=do, daemon=True).start()


def _typed(components: Sequence[Component]) -> dict[str, str] | None:
    """What is typed for each input, asked again until it fits; None at the end of the input."""
    answers: dict[str, str] = {}
    for component in components:
        if component.is_input:
            text = _typed_for(component)
            if text is None:
                return None
            answers[component.key] = text
        elif component.type == "text" and component.default_value:
            click.echo(f"  {component.default_value}")
    return answers


def _typed_for(component: Component) -> str | None:
    default = "" if component.default_value is None else str(component.default_value)
    while True:
        click.echo(f"  {_question(component, default)}: ", nl=False)
        try:
            text = input().strip() or default
        except EOFError:
            click.echo()
            return None
        if component.type == "switch" and not component.options:
            return "true"
        try:
            return check_answer([component], {component.key: text})[component.key]
        except Refused as refusal:
            click.secho(refusal.reason, fg="red", err=True)


def _question(component: Component, default: str) -> str:
    if component.type == "switch" and not component.options:
        return "Enter to go on"
    choices = " / ".join(f"{one.value}: {one.label}" for one in component.options)
    words = component.label or component.key
    return words + (f" [{choices}]" if choices else "") + (f" ({default})" if default else "")


def _line_of(measurement: Measurement) -> str:
    words = limit_words(measurement)
    verdict = "" if measurement.outcome is Outcome.UNSET else f"  {_SHAPES[measurement.outcome]}"
    value = "curve" if measurement.x_axis is not None else measured_text(measurement)
    return f"{measurement.name}  {value}{f'  {words}' if words else ''}{verdict}"
