"""What a run asks of people: which unit it is, and the prompts of its phases. And what it does with the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from station.events import EventWriter, Message
from station.identification import IDENTIFY, declared_unit, form_for, unit_from
from station.phase_events import PhaseEvents
from station.prompts import Question, Questions, check_answer, prompt_components
from station.protocol import Component, IdentifyRequest, IdentifyResolved, UiClosed, UiRequest, Unit
from station.refusal import Refused
from station.run_request import RunRequest

_LATE = {
    "timeout": "The time to answer is over.",
    "stopped": "The run is being stopped.",
    "phase_ended": "Its phase has ended.",
}


class Prompting:
    """The questions of one run, and its unit. ``send`` brings a command to the connector."""

    def __init__(
        self, request: RunRequest, events: EventWriter, phases: PhaseEvents, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self.unit: Unit | None = None
        self._request = request
        self._events = events
        self._phases = phases
        self._send = send
        self._questions = Questions()
        self._prefill = Unit()
        self._form: list[Component] = []

    def answer(self, request_id: str, values: Mapping[str, str], by: str | None) -> None:
        """Answer an open question. Raises `Refused`; the question then stays open."""
        with self._events.lock:
            question = self._questions.find(request_id)
            if question.phase_key is None:
                self._resolve(*self._named(values), by)
            else:
                checked = check_answer(question.components, values)
                self._close(question, "answered", by)
                self._send_answer(question, checked)

    def identify(self, message: Message) -> None:
        """The connector needs the unit. It is asked for only where nobody knows it, or what is known is refused.

        ``form``: the fields that a procedure declares, with their limits; it brings ``metadata`` then.
        """
        self._prefill = Unit.model_validate(message["unit"])
        self._form = [Component.model_validate(field) for field in message.get("form", ())]
        entered, recorded = self._request.serial_number, self._request.answers.get(IDENTIFY)
        is_known = message["mode"] == "never" or (message["mode"] == "auto" and self._prefill.serial_number)
        try:
            if entered is not None:
                self._resolve(*self._named({"serial_number": entered}), None)
            elif recorded is not None:
                self._resolve(*self._named(recorded), "recorded answers")
            elif is_known:
                self._resolve(self._prefill, message.get("metadata", {}), None)
            else:
                self._ask_for_unit()
        except Refused as refused:
            self._phases.note(refused.reason, "WARNING", {})
            self._ask_for_unit()

    def _ask_for_unit(self) -> None:
        request_id = f"identify-{self._events.journal.execution_id}"
        question = Question(request_id, tuple(self._form or form_for(self._prefill)))
        self._questions.add(question)
        self._events.emit(IdentifyRequest, request_id=request_id, components=list(question.components))

    def _named(self, values: Mapping[str, str]) -> tuple[Unit, dict[str, str]]:
        """The unit and the metadata that an answer names. Raises `Refused`."""
        if self._form:
            return declared_unit(self._form, values, self._prefill)
        return unit_from(values, self._prefill), {}

    def note_unit(self, message: Message) -> None:
        """The unit as the script knows it when its test begins; `RunStarted` tells it on."""
        unit = Unit.model_validate(message["unit"])
        self.unit = unit if unit.serial_number else None

    def change_unit(self, message: Message) -> None:
        """The script named another unit during the test."""
        self.note_unit(message)
        self._events.emit(IdentifyResolved, unit=self.unit)

    def ask(self, message: Message) -> None:
        """A phase asks the operator."""
        if "components" in message:
            components = [Component.model_validate(one) for one in message["components"]]
        else:
            components = prompt_components(message["message"], message["text_input"], message["image_url"])
        place = self._events.place_of(message)
        question = Question(message["id"], tuple(components), place["phase_key"], place["attempt"])
        recorded = self._recorded_answer(question, message)
        if recorded is not None:
            self._phases.note(f"Answered from the recorded answers: {message['message']}", "INFO", message)
            self._send_answer(question, recorded)
        else:
            self._questions.add(question)
            self._events.emit(
                UiRequest,
                **place,
                request_id=question.request_id,
                message=message["message"] or None,
                components=components,
            )

    def take_back(self, message: Message) -> None:
        """The connector closed a question itself."""
        for question in self._questions.open:
            if question.request_id == message["id"]:
                self._close(question, message["reason"])

    def close_all(self, reason: str, phase_key: str | None = None) -> None:
        """Close every open question, or those of one phase."""
        for question in self._questions.open:
            if phase_key is None or question.phase_key == phase_key:
                self._close(question, reason)

    def _resolve(self, unit: Unit, metadata: Mapping[str, str], by: str | None) -> None:
        for question in self._questions.open:
            self._close(question, "answered", by)
        self.unit = unit if unit.serial_number else None
        if self.unit is not None:
            self._events.emit(IdentifyResolved, unit=self.unit, answered_by=by)
        self._send({"type": "unit", "unit": unit.model_dump(exclude_none=True), "metadata": dict(metadata)})

    def _send_answer(self, question: Question, values: dict[str, str]) -> None:
        """``text``: what an OpenHTF script gets, the typed text; an acknowledgement has none."""
        text = values.get("response", "")
        self._send({"type": "answer", "id": question.request_id, "text": text, "values": values})

    def _recorded_answer(self, question: Question, message: Message) -> dict[str, str] | None:
        key = question.phase_key or ""
        recorded = self._request.answers.get(key, self._request.answers.get(self._phases.name_of(key)))
        if recorded is None:
            return None
        # A phase that asks more than once has the answers to all its prompts in one place.
        fitting = {c.key: recorded[c.key] for c in question.components if c.key in recorded}
        if any(c.required and c.key not in fitting for c in question.components):
            return None
        try:
            return check_answer(question.components, fitting)
        except Refused as refused:
            self._phases.note(f"The recorded answer does not fit: {refused.reason}", "WARNING", message)
            return None

    def _close(self, question: Question, reason: str, by: str | None = None) -> None:
        who = f"already answered by {by}" if by else "already answered"
        self._questions.close(question.request_id, _LATE.get(reason, who))
        if question.phase_key is not None:
            self._events.emit(
                UiClosed,
                phase_key=question.phase_key,
                attempt=question.attempt,
                request_id=question.request_id,
                reason=reason,
                answered_by=by,
            )
