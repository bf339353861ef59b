"""Prompts of a script: asked on the station, answered by whoever operates it."""

from __future__ import annotations

import pytest

from station.engine import Refused
from station.protocol import Outcome, PhaseComplete, UiClosed, UiRequest
from tests.engine.bench import Bench
from tests.waiting import eventually


def prompt(bench: Bench, number: int) -> UiRequest:
    return eventually(lambda: bench.of(UiRequest)[number : number + 1], 10)[0]


def test_prompts_are_asked_one_after_the_other_and_answered(bench: Bench) -> None:
    bench.start("prompting")

    first = prompt(bench, 0)
    assert (first.phase_key, first.message) == ("0_look", "Close the lid")
    assert [(c.key, c.type, c.is_input, c.default_value) for c in first.components] == [
        ("image", "image", False, "lid.png"),
        ("message", "text", False, "Close the lid"),
        ("acknowledge", "switch", True, None),
    ]
    bench.engine.answer(first.request_id, {"acknowledge": "true"}, "olga@example.com")

    second = prompt(bench, 1)
    assert [(c.key, c.type, c.required) for c in second.components] == [
        ("message", "text", False),
        ("response", "text_input", True),
    ]
    bench.engine.answer(second.request_id, {"response": " blue "}, "olga@example.com")
    state = bench.over()

    bench.is_well_formed()
    assert bench.verdicts == [("look", "PASS"), ("hurry", "PASS"), ("impatient", "ERROR")]
    assert [(event.reason, event.answered_by) for event in bench.of(UiClosed)] == [
        ("answered", "olga@example.com"), ("answered", "olga@example.com"), ("timeout", None), ("timeout", None),
    ]  # fmt: skip
    assert "nobody answered" in bench.lines
    assert state.outcome is Outcome.ERROR
    assert "PromptUnansweredError" in (bench.of(PhaseComplete)[-1].error or "")


def test_an_answer_that_does_not_fit_is_refused_and_the_prompt_stays_open(bench: Bench) -> None:
    bench.start("prompting")
    asked = prompt(bench, 0)

    for values, reason, field in (
        ({}, "Acknowledge: an answer is needed.", "acknowledge"),
        ({"acknowledge": "perhaps"}, "Acknowledge: true or false, not “perhaps”.", "acknowledge"),
        ({"acknowledge": "true", "other": "x"}, "The question has no field “other”.", "other"),
    ):
        with pytest.raises(Refused) as refused:
            bench.engine.answer(asked.request_id, values, "olga@example.com")
        assert (refused.value.reason, refused.value.field) == (reason, field)

    bench.engine.answer(asked.request_id, {"acknowledge": "true"}, "olga@example.com")
    with pytest.raises(Refused, match="already answered by olga"):
        bench.engine.answer(asked.request_id, {"acknowledge": "true"}, "dev@example.com")
    text = prompt(bench, 1)
    with pytest.raises(Refused) as refused:
        bench.engine.answer(text.request_id, {"response": "  "}, "olga@example.com")
    assert refused.value.field == "response"


def test_an_answer_that_comes_too_late_is_told_why(bench: Bench) -> None:
    bench.start("prompting", answers={"look": {"response": "blue", "acknowledge": "true"}})
    late = prompt(bench, 0)
    assert late.message == "Quick!"
    eventually(lambda: bench.of(UiClosed))

    with pytest.raises(Refused, match=r"The time to answer is over|No run is active"):
        bench.engine.answer(late.request_id, {"acknowledge": "true"}, "olga@example.com")
    bench.over()


@pytest.mark.parametrize("key", ["look", "0_look"])
def test_recorded_answers_are_used_for_the_prompts_that_they_fit(bench: Bench, key: str) -> None:
    bench.start("prompting", answers={key: {"response": "blue"}})
    asked = prompt(bench, 0)

    assert asked.message == "Close the lid"
    bench.engine.answer(asked.request_id, {"acknowledge": "true"}, "olga@example.com")
    bench.over()
    assert ("look", "PASS") in bench.verdicts
    assert "Answered from the recorded answers: Which colour is the LED?" in bench.lines


def test_a_stop_while_a_prompt_is_open_ends_the_run(bench: Bench) -> None:
    bench.start("prompting")
    asked = prompt(bench, 0)

    bench.engine.stop("olga@example.com")
    state = bench.over(8)

    bench.is_well_formed()
    assert state.outcome is Outcome.ABORTED
    assert bench.verdicts == [("look", "ABORTED")]
    assert [event.reason for event in bench.of(UiClosed)] == ["stopped"]
    with pytest.raises(Refused, match="No run is active"):
        bench.engine.answer(asked.request_id, {"acknowledge": "true"}, "olga@example.com")
