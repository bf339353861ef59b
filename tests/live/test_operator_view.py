"""The Operator UI's pieces: what a watcher sees is the same, whether it followed the run or joined late."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from station.operator_view import OperatorView, ProcedureChoice, Screen, changes, dom_id, frame, whole
from station.protocol import MeasurementUpdate, Outcome, PhaseLog, RunStopping
from station.run_state import fold
from tests.live.a_run import START, a_run


@pytest.fixture
def view():
    return OperatorView(
        station_id="s1",
        station_name="Bench <7>",
        base_path="/stations/s1/operate",
        is_connected=True,
        last_seen_at=None,
        procedures=(ProcedureChoice("p1", "PCBA & co"),),
        run=None,
    )


def test_each_screen_comes_in_its_turn(view):
    seen = []
    run = None
    for event in a_run(phases=1):
        run = fold(run, event)
        screen = replace(view, run=run).screen
        if not seen or seen[-1] is not screen:
            seen.append(screen)

    assert view.screen is Screen.IDLE
    assert replace(view, is_connected=False).screen is Screen.OFFLINE
    assert seen == [
        Screen.STARTING, Screen.IDENTIFY, Screen.STARTING, Screen.RUNNING, Screen.PROMPT, Screen.RUNNING,
        Screen.VERDICT,
    ]  # fmt: skip


def test_every_screen_renders_and_escapes(render, view):
    run = None
    for event in a_run():
        run = fold(run, event)
        html = whole(render, replace(view, run=run)).content
        assert "Bench &lt;7&gt;" in html
        assert "<rail>" not in html
        assert "SN-<1>" not in html
    assert "SN-&lt;1&gt;" in html
    left = replace(view, is_connected=False)
    for other in (view, left, replace(left, last_seen_at=START), replace(view, procedures=())):
        assert 'id="bench"' in whole(render, other).content


def test_pieces_name_targets_that_the_page_has(render, view):
    """Every piece replaces an element that the page shown before holds, or goes into one that it holds."""
    run = None
    before = view
    for event in a_run():
        run = fold(run, event)
        after = replace(view, run=run)
        page = whole(render, before).content
        for piece in changes(render, before, after, event):
            assert f'id="{piece.target[1:]}"' in page, (event.type, piece.target)
            page = f"{page}{piece.content}"
        before = after


def test_the_pieces_of_a_long_run_are_as_small_as_those_of_a_short_one(render, view):
    def bytes_per_update(phases: int) -> float:
        run = None
        before, sizes = view, []
        for event in a_run(phases, Outcome.PASS):
            run = fold(run, event)
            after = replace(view, run=run)
            if isinstance(event, MeasurementUpdate | PhaseLog):
                sizes.append(sum(len(piece.content) for piece in changes(render, before, after, event)))
            before = after
        return sum(sizes) / len(sizes)

    assert bytes_per_update(200) <= 1.05 * bytes_per_update(10)


def test_stopping_offers_kill_and_closes_the_prompts(render, view):
    run = None
    for event in a_run()[:6]:
        run = fold(run, event)
    assert replace(view, run=run).screen is Screen.PROMPT

    run = fold(run, RunStopping(execution_id="e1", seq=6, at=START, by="ada@example.com"))

    after = replace(view, run=run)
    assert after.screen is Screen.STOPPING
    html = "".join(piece.content for piece in frame(render, after))
    assert "KILL" in html
    assert "ada@example.com" in html
    assert "/answer" not in html


def test_the_verdict_lists_what_failed_with_value_and_limit(render, view):
    run = None
    for event in a_run():
        run = fold(run, event)

    html = next(p.content for p in frame(render, replace(view, run=run)) if p.target == "#op-centre")

    failures = html.split('class="op-failures"')[1]
    assert re.search(r"rail 3v3.*3 V.*≥ 3\.2 V", failures, re.DOTALL)


@pytest.mark.parametrize("word", ["a", "3_test_x[2-2]", "tests/a.py::test", "päö", "a b", "a.b", "a:b"])
def test_ids_are_safe_and_unique(word):
    assert re.fullmatch(r"[A-Za-z0-9_-]+", dom_id("phase", word, 1))
    assert dom_id("phase", word, 1) != dom_id("phase", word + "!", 1)


@pytest.mark.parametrize(
    "text",
    [":PASS", "main:ABORTED", "failed phase: rails [ran for 0.12 sec]", "  failed_item: rail (Outcome.UNSET)",
     "    measured_value: UNSET", "    validators:", "      validator: x <= 3", "  exception type: KeyError"],
)  # fmt: skip
def test_the_frameworks_own_summary_is_kept_and_not_shown(render, view, text):
    *begun, _end = a_run(phases=1)
    run = None
    for event in begun:
        run = fold(run, event)
    line = PhaseLog(
        execution_id=run.execution_id, seq=run.last_seq + 1, at=START, phase_key="", attempt=1, message=text
    )
    own = line.model_copy(update={"seq": line.seq + 1, "file": "main.py"})
    summed_up, told = fold(run, line), fold(fold(run, line), own)

    shown = whole(render, replace(view, run=summed_up)).content
    pieces = list(changes(render, replace(view, run=run), replace(view, run=summed_up), line))
    own_pieces = list(changes(render, replace(view, run=summed_up), replace(view, run=told), own))

    assert summed_up.logs[-1].message == text
    assert text.strip() not in shown[shown.index("op-log-lines") :]
    assert pieces == []
    assert [piece.target for piece in own_pieces] == ["#op-log-lines"]
