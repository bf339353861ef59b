"""What the statistics of a procedure are narrowed to, as it stands in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Request

from portal.services.names import is_id
from portal.services.statistics_scope import LONGEST_SPAN, Scope

USUAL_DAYS = 30
FIELDS = ("from", "until", "station", "version", "part", "revision", "batch", "simulated")
LONGEST_VALUE = 200
EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True)
class StatisticsQuery:
    """The filters that are set, by name, and the span of days, which are those of ``zone``.

    ``problem``: what of the address was not understood.
    """

    args: dict[str, str]
    first: date
    last: date
    zone: str
    problem: str | None

    @classmethod
    def of(cls, request: Request, now: datetime, zone: str) -> StatisticsQuery:
        """From the address. A day that is none, or a span that is turned round, is said and not followed."""
        args = {}
        for name in FIELDS:
            text = "".join(filter(str.isprintable, request.args.get(name, "")[:LONGEST_VALUE])).strip()
            if text:
                args[name] = text
        problem = None
        days: dict[str, date] = {}
        for name in ("from", "until"):
            try:
                days[name] = date.fromisoformat(args.get(name, ""))
            except ValueError:
                if args.pop(name, None):
                    problem = f"The day after “{name}” is none: write it as 2026-11-25. It does not filter."
        today = now.astimezone(ZoneInfo(zone)).date()
        last = min(max(days.get("until", today), EARLIEST), today + timedelta(days=366))
        first = max(days.get("from", last - timedelta(days=USUAL_DAYS - 1)), EARLIEST)
        if first > last:
            problem = "“From” is after “until”: what is shown is the one day of “until”."
            first = last
        if (last - first).days >= LONGEST_SPAN:
            first = last - timedelta(days=LONGEST_SPAN - 1)
            problem = f"At most {LONGEST_SPAN // 366} years are shown at once: from {first.isoformat()} on."
        if "station" in args and not is_id(args["station"]):
            del args["station"]
        return cls(args, first, last, zone, problem)

    def __getitem__(self, name: str) -> str:
        """For templates: what is typed or chosen, else empty."""
        return self.args.get(name, "")

    @property
    def is_set(self) -> bool:
        """Whether more is narrowed than the span."""
        return bool(self.args.keys() - {"from", "until", "simulated"})

    def scope(self, procedure_id: str) -> Scope:
        """For the services."""
        return Scope(
            procedure_id=procedure_id,
            first=self.first,
            last=self.last,
            zone=self.zone,
            station_id=self["station"] or None,
            version=self["version"] or None,
            part_number=self["part"] or None,
            revision_number=self["revision"] or None,
            batch_number=self["batch"] or None,
            has_simulated=self["simulated"] == "yes",
        )

    def changed(self, **values: Any) -> dict[str, Any]:
        """The filters with some of them other, for an address; None takes one away."""
        return {name: value for name, value in {**self.args, **values}.items() if value is not None}
