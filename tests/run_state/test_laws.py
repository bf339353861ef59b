"""Laws of the fold: they hold for every run, however its events are delivered."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from station.protocol import (
    AnyRunEvent,
    IdentifyRequest,
    MeasurementUpdate,
    Outcome,
    PhaseComplete,
    PhaseLog,
    PhaseStarted,
    PlanContinued,
    RunComplete,
    RunStarted,
    UiRequest,
    read_run_event,
    write,
)
from station.run_state import LIVE_LOG_LINES, RunState, fold
from tests.run_state.runs import AT, runs


def folded(events: Iterable[AnyRunEvent], state: RunState | None = None) -> RunState | None:
    for event in events:
        state = fold(state, event)
    return state


@given(run=runs(), data=st.data())
def test_a_replay_from_any_cut_gives_the_same_state(run: list[AnyRunEvent], data: st.DataObject) -> None:
    whole = folded(run)
    seen = data.draw(st.integers(0, len(run)), "events seen before the link broke")
    resumed_at = data.draw(st.integers(0, seen), "events that are sent again")

    assert folded(run[resumed_at:], folded(run[:seen])) == whole


@given(run=runs(), data=st.data())
def test_repeats_change_nothing(run: list[AnyRunEvent], data: st.DataObject) -> None:
    state = None
    for number, event in enumerate(run):
        state = fold(state, event)
        again = data.draw(st.lists(st.sampled_from(run[: number + 1]), max_size=3))
        assert folded(again, state) == state


@given(run=runs(), data=st.data())
def test_an_event_behind_a_gap_is_not_taken_and_the_gap_is_told(run: list[AnyRunEvent], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(run)))
    state = folded(run[:cut])
    assert state is not None

    for later in run[cut + 1 :]:
        assert not state.expects(later)
        assert fold(state, later) == state
    for event in run[cut : cut + 1]:
        assert state.expects(event)


@given(run=runs(), data=st.data())
def test_any_order_of_delivery_never_shows_what_did_not_happen(run: list[AnyRunEvent], data: st.DataObject) -> None:
    """Every state on the way is the state after some beginning of the run."""
    beginnings = [folded(run[:cut]) for cut in range(len(run) + 1)]
    state = None
    for event in data.draw(st.permutations(run)):
        state = fold(state, event)
        assert state == beginnings[0 if state is None else state.last_seq + 1]


@given(run=runs(), other=runs("run-2"))
def test_events_of_another_run_begin_it_or_are_ignored(run: list[AnyRunEvent], other: list[AnyRunEvent]) -> None:
    state = folded(run)

    assert folded(other[1:], state) == state
    assert folded(other, state) == folded(other)


@given(run=runs())
def test_no_part_is_lost(run: list[AnyRunEvent]) -> None:
    state = folded(run)
    assert state is not None

    shown = {(phase.key, phase.attempt) for phase in state.phases}
    told = (PhaseStarted, PhaseComplete, MeasurementUpdate)
    assert {(event.phase_key, event.attempt) for event in run if isinstance(event, told)} <= shown
    planned = 0
    for event in run:
        if isinstance(event, RunStarted):
            planned = len(event.phases)
        elif isinstance(event, PlanContinued):
            planned += len(event.phases)
    assert len(state.plan) == planned
    lines = [event.message for event in run if isinstance(event, PhaseLog)]
    assert [line.message for line in state.logs] == lines[-LIVE_LOG_LINES:]


@given(run=runs())
def test_the_last_word_on_a_measurement_counts(run: list[AnyRunEvent]) -> None:
    last: dict[tuple[str, int], dict[str, object]] = {}
    for event in run:
        if isinstance(event, PhaseStarted):
            last[(event.phase_key, event.attempt)] = {m.name: m for m in event.measurements}
        elif isinstance(event, MeasurementUpdate):
            last.setdefault((event.phase_key, event.attempt), {})[event.measurement.name] = event.measurement
        elif isinstance(event, PhaseComplete) and event.measurements is not None:
            last[(event.phase_key, event.attempt)] = {m.name: m for m in event.measurements}
    state = folded(run)
    assert state is not None

    shown = {(phase.key, phase.attempt): phase.measurements_by_name for phase in state.phases}
    assert {at: found for at, found in shown.items() if found} == {at: found for at, found in last.items() if found}


@given(run=runs())
def test_a_run_that_is_over_leaves_nothing_open(run: list[AnyRunEvent]) -> None:
    state = folded(run)
    assert state is not None

    assert state.is_over == isinstance(run[-1], RunComplete)
    if state.is_over:
        assert state.prompt is None
        assert all(phase.is_over and phase.outcome is not Outcome.UNSET for phase in state.phases)
        late = MeasurementUpdate.model_validate(
            {
                "execution_id": "run-1", "seq": state.last_seq + 1, "at": AT, "phase_key": "0_power_on",
                "measurement": {"name": "rail"},
            }
        )  # fmt: skip
        assert fold(state, late) == state


@given(run=runs())
def test_the_prompt_shown_is_the_oldest_that_is_open(run: list[AnyRunEvent]) -> None:
    state = None
    for event in run:
        before = state
        state = fold(state, event)
        if state is None or state.prompt is None:
            continue
        if before is not None and before.prompt is not None and before.prompt in state.prompts:
            assert state.prompt == before.prompt
        assert state.prompt.request_id in {e.request_id for e in run if isinstance(e, UiRequest | IdentifyRequest)}


@given(run=runs())
def test_the_journals_lines_give_the_same_run(run: list[AnyRunEvent]) -> None:
    assert folded(read_run_event(write(event)) for event in run) == folded(run)
