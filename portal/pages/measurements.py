"""One measurement of a procedure over its newest values: control chart, histogram, figures."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, request

from portal.pages.hx import render
from portal.pages.procedure_filters import StatisticsQuery
from portal.pages.sign_in import signed_in_only
from portal.pages.statistics_charts import MOST_DRAWN, control_chart, histogram
from portal.services.measurement_statistics import MOST_VALUES_OF_ONE, show_history
from portal.services.procedure_stations import linked_stations, list_versions
from portal.services.procedures import get_procedure
from portal.services.statistics_scope import MOST_RUNS_IN_PIECES, scoped
from portal.web import actor, db, portal

pages = signed_in_only(Blueprint("measurements", __name__))

MOST_LISTED = 50


@pages.get("/procedures/<procedure_id>/measurements/<path:name>")
def show(procedure_id: str, name: str) -> Response:
    """The page. Names may hold slashes."""
    now = datetime.now(UTC)
    procedure = get_procedure(db(), actor(), procedure_id)
    query = StatisticsQuery.of(request, now, portal().settings.time_zone)
    history = show_history(db(), actor(), scoped(db(), actor(), query.scope(procedure.id)), name)
    control, out = control_chart(history) if history is not None else (None, 0)
    return render(
        "procedures/measurement.html",
        "procedures/_measurement.html",
        procedure=procedure,
        name=name,
        query=query,
        history=history,
        newest=history.values[: -MOST_LISTED - 1 : -1] if history is not None else [],
        control=control,
        out_of_control=out,
        histogram=histogram(history) if history is not None else None,
        stations=linked_stations(db(), actor(), procedure.id, now),
        versions=list_versions(db(), actor(), procedure.id),
        most_values=MOST_VALUES_OF_ONE,
        most_runs=MOST_RUNS_IN_PIECES,
        most_drawn=MOST_DRAWN,
    )
