"""The records: a list to filter, and the page of one run."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request, url_for

from portal.pages.charts import LineChart, line_chart
from portal.pages.filters import ListQuery
from portal.pages.hx import render
from portal.pages.listing import show_list
from portal.pages.run_filters import OLDER, first_filters, more_filters
from portal.pages.sign_in import signed_in_only
from portal.services import runs as run_services
from portal.services.paging import CountedPage
from portal.services.run_details import PhaseView, RunDetail, show_logs, show_phases, show_start
from portal.services.run_filter_input import RunFilterIn
from portal.services.run_pieces import MOST_FAILED, Start
from portal.services.runs import RunRow
from portal.web import actor, db
from station.operator_limits import limit_words
from station.operator_sweeps import result_text, worst_point

pages = signed_in_only(Blueprint("runs", __name__))

SORTS = ("started_at", "created_at", "duration", "outcome", "serial_number", "part_number", "revision_number")


@dataclass(frozen=True)
class Failure:
    """One line of what failed: where it is to be seen, the value, the limits."""

    href: str
    name: str
    value: str
    limits: str


@dataclass(frozen=True)
class Stopped:
    """The phase that STOP cut short, and where it is to be seen."""

    id: str
    name: str
    href: str


@pages.get("/runs")
def index() -> Response:
    """The list, a page at a time; the newest first unless it is sorted otherwise."""
    first, groups = first_filters(db(), actor()), more_filters(db(), actor())
    filters = [*first, *(one for group in groups for one in group.filters)]
    query = ListQuery.of(request, filters, SORTS, usual="started_at", older=OLDER)
    found: CountedPage[RunRow] = CountedPage([], None)
    wanted, problems = query.attempt(lambda: query.read(RunFilterIn).as_filter())
    if wanted is not None:
        found = run_services.page_runs(db(), actor(), wanted, query.place)
    return show_list("runs", query, found, problems, filters=filters, first_filters=first, groups=groups)


@pages.get("/runs/<run_id>")
def show(run_id: str) -> Response:
    """The page of one run: of a long one the beginning, with a way to the rest."""
    run = show_start(db(), actor(), run_id)
    in_phases = {file.id for file in run.attachments if file.phase_id is not None}
    return render(
        "runs/show.html",
        run=run,
        charts=charts_of(run.phases),
        failures=failures_of(run),
        most_failed=MOST_FAILED,
        stopped=stopped_of(run),
        run_files=[file for file in run.attachments if file.id not in in_phases],
    )


@pages.get("/runs/<run_id>/phases")
def phases(run_id: str) -> Response:
    """A long run's phases from some place on: a page, or what htmx puts behind those that are shown."""
    start = Start(_number("phase"), _number("measurement"))
    run, piece = show_phases(db(), actor(), run_id, start)
    return render(
        "runs/phases.html",
        "runs/_phases.html",
        run=run,
        phases=piece.phases,
        more_phases=piece.more,
        charts=charts_of(piece.phases),
        nothing="The record has no phases from here on.",
    )


@pages.get("/runs/<run_id>/logs")
def logs(run_id: str) -> Response:
    """A long run's log from some line on: a page, or what htmx puts behind the lines that are shown."""
    run, piece = show_logs(db(), actor(), run_id, _number("line"))
    return render("runs/logs.html", "runs/_log_lines.html", run=run, lines=piece.lines, more_logs=piece.more)


def _number(name: str) -> int:
    """A place in the run, from the address; the first for anything that is none."""
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 8 else 0


def charts_of(phases: list[PhaseView]) -> dict[str, LineChart]:
    """The drawings of the sweeps, by measurement id."""
    drawn = {one.id: line_chart(one) for phase in phases for one in phase.measurements if one.x_axis is not None}
    return {key: chart for key, chart in drawn.items() if chart is not None}


def stopped_of(run: RunDetail) -> Stopped | None:
    """The phase that STOP cut short; None in a run that nobody stopped.

    The interface knows no ABORTED for phases, so such a one is stored as ERROR. It is the first: after a real error
    the run would have ended with that. A later ERROR is of a teardown that failed.
    """
    if run.outcome != "ABORTED":
        return None
    phase = next((phase for phase in run.failed_phases if phase.outcome == "ERROR"), None)
    return Stopped(phase.id, phase.name, _address_of_phase(run, phase)) if phase is not None else None


def failures_of(run: RunDetail) -> list[Failure]:
    """What failed in the last attempt of each phase: measurements, or the phase where none of them says why."""
    stopped = stopped_of(run)
    shown = _shown(run)
    failures: list[Failure] = []
    for phase in run.failed_phases:
        failed = [one for one in phase.measurements if one.outcome == "FAIL"]
        for one in failed:
            place = Start(phase.position, one.position)
            href = _address(run, f"measurement-{one.id}", place, is_here=one.id in shown)
            limits = limit_words(worst_point(one))
            failures.append(Failure(href, f"{phase.name}: {one.name}", result_text(one), limits))
        if not failed and (stopped is None or phase.id != stopped.id):
            failures.append(Failure(_address_of_phase(run, phase), phase.name, str(phase.outcome), ""))
    return failures


def _shown(run: RunDetail) -> set[str]:
    """The ids of phases and measurements that this page shows."""
    return {one.id for phase in run.phases for one in phase.measurements} | {phase.id for phase in run.phases}


def _address_of_phase(run: RunDetail, phase: PhaseView) -> str:
    return _address(run, f"phase-{phase.id}", Start(phase.position, 0), is_here=phase.id in _shown(run))


def _address(run: RunDetail, anchor: str, place: Start, *, is_here: bool) -> str:
    """Where a phase or measurement is: on this page, or on one that begins with it."""
    if is_here:
        return f"#{anchor}"
    return url_for("runs.phases", run_id=run.id, phase=place.phase, measurement=place.measurement, _anchor=anchor)
