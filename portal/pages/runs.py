"""The records: a list to filter, and the page of one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Request, Response, request, url_for

from portal.pages.charts import LineChart, line_chart
from portal.pages.hx import render
from portal.pages.sign_in import signed_in_only
from portal.services import procedures as procedure_services
from portal.services import runs as run_services
from portal.services import stations as station_services
from portal.services.run_details import MeasurementView, PhaseView
from portal.services.runs import RunDetail, RunQuery
from portal.web import actor, db, portal
from station.operator_limits import limit_words
from station.operator_sweeps import result_text, worst_point

pages = signed_in_only(Blueprint("runs", __name__))

PAGE_SIZE = 50


@dataclass(frozen=True)
class RunFilters:
    """What the list is narrowed to, as it stands in the address."""

    serial: str = ""
    outcome: str = ""
    station: str = ""
    procedure: str = ""

    @classmethod
    def of(cls, request: Request) -> RunFilters:
        """From the address; blanks and control characters of a scanner are no part of a serial number."""
        names = ("serial", "outcome", "station", "procedure")
        texts = {name: "".join(filter(str.isprintable, request.args.get(name, ""))).strip() for name in names}
        return cls(**texts)

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.as_args())

    def as_args(self) -> dict[str, Any]:
        """For an address: only what is set."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Failure:
    """One line of what failed: where it is on the page, the value, the limits."""

    anchor: str
    name: str
    value: str
    limits: str


@pages.get("/runs")
def index() -> Response:
    """The list, newest first, a page at a time."""
    filters = RunFilters.of(request)
    cursor = request.args.get("cursor") or None
    found = run_services.list_runs(
        db(),
        actor(),
        RunQuery(
            serial_part=filters.serial or None,
            outcome=filters.outcome or None,
            station_id=filters.station or None,
            procedure_id=filters.procedure or None,
            cursor=cursor,
            limit=PAGE_SIZE,
        ),
    )
    own_args = filters.as_args()
    next_url = url_for("runs.index", **own_args, cursor=found.next_cursor) if found.next_cursor else None
    return render(
        "runs/index.html",
        "runs/_table.html",
        runs=found.items,
        filters=filters,
        stations=station_services.list_stations(db(), actor()),
        procedures=procedure_services.list_procedures(db(), actor()),
        next_url=next_url,
        first_url=url_for("runs.index", **own_args) if cursor else None,
        api_url=(portal().settings.public_url or request.url_root).rstrip("/") + "/api/v2/runs",
    )


@pages.get("/runs/<run_id>")
def show(run_id: str) -> Response:
    """The page of one run."""
    run = run_services.show_run(db(), actor(), run_id)
    in_phases = {file.id for phase in run.phases for file in phase.attachments}
    return render(
        "runs/show.html",
        run=run,
        charts=charts_of(run),
        failures=failures_of(run),
        stopped=stopped_phase_of(run),
        run_files=[file for file in run.attachments if file.id not in in_phases],
    )


def charts_of(run: RunDetail) -> dict[str, LineChart]:
    """The drawings of the run's sweeps, by measurement id."""
    drawn = {one.id: line_chart(one) for phase in run.phases for one in phase.measurements if one.x_axis is not None}
    return {key: chart for key, chart in drawn.items() if chart is not None}


def stopped_phase_of(run: RunDetail) -> PhaseView | None:
    """The phase that STOP cut short; None in a run that nobody stopped.

    The interface knows no ABORTED for phases, so such a one is stored as ERROR. It is the first: after a real error
    the run would have ended with that. A later ERROR is of a teardown that failed.
    """
    if run.outcome != "ABORTED":
        return None
    return next((phase for phase in _last_attempts(run) if phase.outcome == "ERROR"), None)


def failures_of(run: RunDetail) -> list[Failure]:
    """What failed in the last attempt of each phase: measurements, or the phase where none of them says why."""
    stopped = stopped_phase_of(run)
    failures: list[Failure] = []
    for phase in _last_attempts(run):
        if phase.outcome not in ("FAIL", "ERROR", "TIMEOUT"):
            continue
        failed = [one for one in phase.measurements if one.outcome == "FAIL"]
        failures += [_failure(phase, one) for one in failed]
        if not failed and phase is not stopped:
            failures.append(Failure(f"phase-{phase.id}", phase.name, str(phase.outcome), ""))
    return failures


def _last_attempts(run: RunDetail) -> list[PhaseView]:
    return list({phase.name: phase for phase in run.phases}.values())


def _failure(phase: PhaseView, measurement: MeasurementView) -> Failure:
    limits = limit_words(worst_point(measurement))
    name = f"{phase.name}: {measurement.name}"
    return Failure(f"measurement-{measurement.id}", name, result_text(measurement), limits)
