"""OpenHTF's prompts to the operator, asked by the station instead of on the console."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from ..common.wire import Wire
from .phases import PhaseWatch

_POLL_S = 0.1  # a waiting thread must come back to Python now and then to notice that it is being stopped


class Question:
    """One open prompt."""

    def __init__(self, is_text: bool) -> None:
        self.id = uuid.uuid4().hex
        self.is_text = is_text
        self.answer: str | None = None
        self.is_settled = threading.Event()
        self.was_stopped = False


class QuestionDesk:
    """Asks, waits and takes answers. Replaces the methods of OpenHTF's `UserInput` plug."""

    def __init__(self, wire: Wire, watch: PhaseWatch) -> None:
        self._wire = wire
        self._watch = watch
        self._open: dict[str, Question] = {}
        self._lock = threading.Lock()

    def install(self) -> None:
        """Put this desk behind every `UserInput` plug of the process."""
        from openhtf.plugs import user_input

        desk = self

        def start_prompt(
            plug: Any, message: Any, text_input: bool = False, cli_color: str = "", image_url: Any = None
        ) -> str:
            del cli_color
            if getattr(plug, "_stationmaster_question", None) is not None:
                raise user_input.MultiplePromptsError("Multiple concurrent prompts are not supported.")
            plug._stationmaster_question = desk.ask(message, bool(text_input), image_url)
            return str(plug._stationmaster_question.id)

        def wait_for_prompt(plug: Any, timeout_s: float | None = None) -> str:
            question = getattr(plug, "_stationmaster_question", None)
            if question is None:
                raise user_input.PromptUnansweredError
            try:
                answer = desk.wait(question, timeout_s)
            finally:
                plug._stationmaster_question = None
            if answer is None:
                raise user_input.PromptUnansweredError
            plug.last_response = (question.id, answer)
            return answer

        def prompt(
            plug: Any,
            message: Any,
            text_input: bool = False,
            timeout_s: float | None = None,
            cli_color: str = "",
            image_url: Any = None,
        ) -> str:
            del cli_color
            plug.start_prompt(message, text_input, "", image_url)
            return str(plug.wait_for_prompt(timeout_s))

        def remove_prompt(plug: Any) -> None:
            question = getattr(plug, "_stationmaster_question", None)
            if question is not None:
                plug._stationmaster_question = None
                desk.close(question, "phase_ended")

        for method in (start_prompt, wait_for_prompt, prompt, remove_prompt):
            setattr(user_input.UserInput, method.__name__, method)
        user_input.UserInput._asdict = lambda _plug: None

    def ask(self, message: Any, is_text: bool, image_url: Any) -> Question:
        """Show a question to the operator."""
        question = Question(is_text)
        with self._lock:
            self._open[question.id] = question
        self._wire.emit(
            "prompt",
            **self._watch.place,
            id=question.id,
            message="" if message is None else str(message),
            text_input=is_text,
            image_url=None if image_url is None else str(image_url),
        )
        return question

    def wait(self, question: Question, timeout_s: float | None) -> str | None:
        """The answer, or None when time is up. Raises OpenHTF's interruption when the run is stopped."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while not question.is_settled.wait(_POLL_S):
                if deadline is not None and time.monotonic() >= deadline:
                    self.close(question, "timeout")
                    return question.answer  # an answer may have come at the last moment
        except BaseException:
            self.close(question, "phase_ended")
            raise
        if question.was_stopped:
            from openhtf.util import threads

            raise threads.ThreadTerminationError
        return question.answer

    def take_answer(self, question_id: str, text: str) -> None:
        """The operator answered. Ignored when the question was closed meanwhile."""
        with self._lock:
            question = self._open.pop(question_id, None)
            if question is not None:
                question.answer = text if question.is_text else ""
                question.is_settled.set()

    def stop_all(self) -> None:
        """Wake everyone who waits: the run is being stopped."""
        with self._lock:
            questions = list(self._open.values())
        for question in questions:
            question.was_stopped = True
            self.close(question, "stopped")

    def close(self, question: Question, reason: str) -> None:
        """Take a question back. Does nothing when it is settled."""
        with self._lock:
            if self._open.pop(question.id, None) is None:
                return
            question.is_settled.set()
        self._wire.emit("prompt_closed", id=question.id, reason=reason)
