"""The shift calendar: what is refused, and its laws on days of any length."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import Invalid
from portal.services import shifts
from portal.services.shifts import DAY, WEEK, Shift, Shifts, expected_spans, is_expected
from portal.time_zones import find_zone, first_instant, zone_names

BERLIN = ZoneInfo("Europe/Berlin")
ALL_WEEK = tuple(Shift(day, 0, 0) for day in range(7))
# Berlin, and the odd ones: half an hour of summer, midnight that is skipped, midnight that comes twice, a day left out.
ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "America/Havana", "Pacific/Apia")
]
zones = st.sampled_from(ZONES)
instants = st.integers(0, 19 * 366 * 86400).map(
    lambda after: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(seconds=after)
)
CHANGES = [
    (ZoneInfo("Europe/Berlin"), date(2026, 3, 29), 23),
    (ZoneInfo("Europe/Berlin"), date(2026, 10, 25), 25),
    (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5), 24.5),
    (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4), 23),
    (ZoneInfo("America/Havana"), date(2026, 11, 1), 25),
    (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 0),
]


@st.composite
def calendars(draw: st.DrawFn) -> Shifts:
    """Any calendar that is possible: the week is cut at some minutes, and every second piece is a shift."""
    cuts = sorted(draw(st.sets(st.integers(0, WEEK - 1), min_size=2, max_size=12)))
    pieces = [Shift(begin // DAY, begin % DAY, end % DAY) for begin, end in pairwise(cuts) if end - begin <= DAY]
    return shifts.checked(pieces[::2]) if pieces else ALL_WEEK


def seconds(spans: list[tuple[datetime, datetime]]) -> float:
    return sum((end - begin for begin, end in spans), timedelta()) / timedelta(seconds=1)


@given(calendars(), zones, instants, st.lists(st.integers(0, 40 * 24 * 60), min_size=1, max_size=4))
def test_the_parts_of_a_time_sum_to_the_whole(
    calendar: Shifts, zone: ZoneInfo, begin: datetime, minutes: list[int]
) -> None:
    cuts = [begin, *(begin + timedelta(minutes=one) for one in sorted(minutes))]

    whole = expected_spans(calendar, zone, cuts[0], cuts[-1])
    parts = [expected_spans(calendar, zone, *pair) for pair in pairwise(cuts)]

    assert seconds(whole) == seconds([span for part in parts for span in part])
    assert all(one[1] < other[0] for one, other in pairwise(whole))
    assert all(cuts[0] <= first < last <= cuts[-1] for first, last in whole)


@given(calendars(), zones, instants, st.integers(0, 20 * 24 * 3600))
def test_an_instant_is_expected_where_a_span_holds_it(
    calendar: Shifts, zone: ZoneInfo, at: datetime, seconds_before: int
) -> None:
    begin = at - timedelta(seconds=seconds_before)
    spans = expected_spans(calendar, zone, begin, at + timedelta(days=3))

    assert is_expected(calendar, zone, at) == any(first <= at < last for first, last in spans)
    for first, last in spans[:3]:
        assert is_expected(calendar, zone, first)
        assert last == at + timedelta(days=3) or not is_expected(calendar, zone, last)


@given(zones, instants, st.integers(1, 400 * 24 * 60))
def test_shifts_from_midnight_to_midnight_are_always(zone: ZoneInfo, begin: datetime, minutes: int) -> None:
    end = begin + timedelta(minutes=minutes)

    assert expected_spans(ALL_WEEK, zone, begin, end) == [(begin, end)] == expected_spans(None, zone, begin, end)


@given(zones, st.dates(date(2009, 1, 1), date(2027, 12, 31)), st.integers(0, DAY - 1), st.integers(0, DAY - 1))
def test_a_later_time_is_no_earlier_instant(zone: ZoneInfo, day: date, one: int, other: int) -> None:
    earlier, later = sorted((one, other))

    assert first_instant(day, earlier, zone) <= first_instant(day, later, zone)
    assert first_instant(day, later, zone) <= first_instant(day + timedelta(days=1), 0, zone)


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_a_whole_day_is_as_long_as_it_is(zone: ZoneInfo, day: date, hours: float) -> None:
    calendar = (Shift(day.weekday(), 0, 0),)
    noon = datetime.combine(day, time(12), zone)

    spans = expected_spans(calendar, zone, noon - timedelta(days=3), noon + timedelta(days=3))

    assert seconds(spans) == hours * 3600


def test_a_night_shift_is_an_hour_shorter_in_spring_and_longer_in_autumn() -> None:
    nights = (Shift(5, 22 * 60, 6 * 60),)  # Saturday to Sunday

    def hours(day: date) -> float:
        noon = datetime.combine(day, time(12), BERLIN).astimezone(UTC)
        return seconds(expected_spans(nights, BERLIN, noon, noon + timedelta(days=1))) / 3600

    assert [hours(date(2026, 3, 28)), hours(date(2026, 6, 6)), hours(date(2026, 10, 24))] == [7, 8, 9]


def test_shifts_that_meet_in_an_hour_that_comes_twice_leave_no_gap() -> None:
    sunday = (Shift(6, 0, 150), Shift(6, 150, 0))
    midnight = datetime(2026, 10, 25, tzinfo=BERLIN)

    spans = expected_spans(sunday, BERLIN, midnight, midnight.replace(day=26))

    assert spans == [(midnight.astimezone(UTC), midnight.replace(day=26).astimezone(UTC))]


@given(calendars())
def test_a_calendar_is_stored_and_read_as_it_was(calendar: Shifts) -> None:
    assert shifts.load(shifts.store(calendar)) == calendar
    assert shifts.load(shifts.store(None)) is None


def week(**days: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [days.get(day, []) for day in shifts.DAYS]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (week(), "No time is given"),
        (week(mon=[("", "")]), "No time is given"),
        (week(mon=[("06:00", "")]), "Monday has a time without its other half"),
        (week(tue=[("6 am", "14:00")]), "Tuesday: “6 am” is no time of day"),
        (week(tue=[("06:00", "25:00")]), "“25:00” is no time of day"),
        (week(tue=[("06:00", "24:01")]), "“24:01” is no time of day"),
        (week(wed=[("06:00", "14:00"), ("13:59", "22:00")]), "Wednesday 06:00–14:00 overlaps with Wednesday 13:59"),
        (week(sun=[("22:00", "06:00")], mon=[("05:00", "12:00")]), "Sunday 22:00–06:00 overlaps with Monday 05:00"),
        (week(mon=[("06:00", "06:00")], tue=[("05:00", "07:00")]), "Monday 06:00–06:00 overlaps with Tuesday"),
        (week(fri=[("06:00", "07:00"), ("06:00", "07:00")]), "Friday 06:00–07:00 overlaps"),
        (week(fri=[(f"{hour:02d}:00", f"{hour:02d}:30") for hour in range(13)]), "Friday has more than 12 times"),
    ],
)
def test_what_cannot_be_is_refused_with_one_sentence(typed: list[list[tuple[str, str]]], sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        shifts.parse(typed)

    assert sentence in refused.value.message
    assert {issue.path for issue in refused.value.issues} == {("shifts",)}


def test_a_calendar_reads_in_a_line() -> None:
    days = {day: [("14:00", "22:00"), ("06:00", "14:00")] for day in ("mon", "tue", "wed")}

    assert shifts.in_words(shifts.parse(week(**days, sat=[("00:00", "24:00")]))) == (
        "Mon–Wed 06:00–14:00, 14:00–22:00; Sat 00:00–24:00"
    )
    assert shifts.in_words(None) == "always"


def test_zones_are_known_by_their_name_whatever_its_case() -> None:
    assert find_zone(" europe/berlin ") == BERLIN
    assert [find_zone(name) for name in ("", "Mars/Olympus", "../../etc/passwd", "localtime", "x" * 999)] == [None] * 5
    assert "Europe/Berlin" in zone_names().values()
