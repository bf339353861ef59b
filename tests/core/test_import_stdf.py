"""STDF, by a small writer of it: both orders of bytes, several parts, fields left out."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.errors import BadRequest
from portal.services.imports.formats import parse
from portal.services.run_input import RunIn

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
NOBODY = "00000000-0000-0000-0000-000000000000"
START = datetime(2024, 3, 1, 6, 0, tzinfo=UTC)


class Writer:
    """Makes records. A field is a pair of a code of `struct` and a value; a text writes its length first."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.content = b""

    def record(self, kind: int, subkind: int, *fields: tuple[str, Any] | str) -> None:
        body = b"".join(map(self._field, fields))
        self.content += struct.pack(f"{self.order}HBB", len(body), kind, subkind) + body

    def _field(self, field: tuple[str, Any] | str) -> bytes:
        if isinstance(field, str):
            return bytes([len(field)]) + field.encode("latin-1")
        return struct.pack(self.order + field[0], field[1])


def start(order: str, cpu: int = 2, version: int = 4) -> Writer:
    writer = Writer(order)
    writer.record(0, 10, ("B", cpu), ("B", version))
    writer.record(
        1, 10, ("I", 0), ("I", int(START.timestamp())), ("B", 1), ("c", b"P"), ("c", b" "), ("c", b" "), ("H", 0),
        ("c", b" "), "L77", "LM-7805", "tester-4", "J971", "FINAL_HOT", "R4", "", "sandy",
    )  # fmt: skip
    return writer


def ptr(
    writer: Writer, site: int, value: float, flags: int = 0, *more: tuple[str, Any] | str, number: int = 10
) -> None:
    writer.record(15, 10, ("I", number), ("B", 1), ("B", site), ("B", flags), ("B", 0xC0), ("f", value), *more)


FIRST = ("Output voltage", "", ("B", 0x0E), ("b", 0), ("b", 0), ("b", 0), ("f", 4.75), ("f", 5.25), "V")


def prr(writer: Writer, site: int, part_id: str, flags: int = 0, x: int = -32768, milliseconds: int = 1500) -> None:
    writer.record(
        5, 20, ("B", 1), ("B", site), ("B", flags), ("H", 3), ("H", 1), ("H", 65535), ("h", x), ("h", x),
        ("I", milliseconds), part_id,
    )  # fmt: skip


def a_lot(order: str) -> bytes:
    writer = start(order)
    writer.record(2, 10, ("B", 1), ("B", 255), ("I", 0), "W05")
    writer.record(5, 10, ("B", 1), ("B", 1))
    writer.record(5, 10, ("B", 1), ("B", 2))
    writer.record(20, 10, "DC")
    ptr(writer, 1, 5.0, 0, *FIRST)
    ptr(writer, 2, 5.5, 0x80)
    writer.record(
        15, 15, ("I", 11), ("B", 1), ("B", 1), ("B", 0), ("B", 0xC0), ("H", 3), ("H", 2), ("B", 0), ("B", 0),
        ("f", 1.5), ("f", 2.5), "Pin currents", "", ("B", 0x0E), ("b", 0), ("b", 0), ("b", 0), ("f", 0), ("f", 3),
        ("f", 0), ("f", 0), ("H", 1), ("H", 2), ("H", 3), "mA",
    )  # fmt: skip
    writer.record(20, 20)
    writer.record(
        15, 20, ("I", 12), ("B", 1), ("B", 1), ("B", 0), ("B", 0xFF), *[("I", 0)] * 4, ("i", 0), ("i", 0), ("h", 0),
        ("H", 1), ("H", 2), ("H", 7), ("B", 0), ("H", 8), ("H", 9), ("B", 0), ("H", 9), ("B", 1), ("B", 1),
        "VECT", "T1", "OP", "Digital",
    )  # fmt: skip
    writer.record(15, 20, ("I", 12), ("B", 1), ("B", 2), ("B", 0x80))
    ptr(writer, 1, 0.25, 0x40, number=13)
    ptr(writer, 1, float("inf"), 0x02, number=14)
    prr(writer, 1, "17")
    prr(writer, 2, "ECID-00FF", flags=0x08)
    writer.record(5, 10, ("B", 1), ("B", 1))
    prr(writer, 1, "", flags=0x10, x=-4, milliseconds=500)
    writer.record(10, 30, ("B", 255), ("B", 1), ("c", b"P"), ("I", 13), ("I", 2), ("I", 0), ("I", 0), "Leakage")
    writer.record(1, 20, ("I", 0))
    return writer.content


def runs(content: bytes) -> list[RunIn]:
    return [draft.as_run(NOBODY) for draft in parse("STDF", content).drafts]


@pytest.mark.parametrize("order", ["<", ">"])
def test_each_part_of_a_lot_becomes_a_run_in_either_order_of_bytes(order: str) -> None:
    first, second, third = runs(a_lot(order))

    assert [one.serial_number for one in (first, second, third)] == ["L77-W05-17", "ECID-00FF", "L77-W05-X-4Y-4"]
    assert [one.outcome for one in (first, second, third)] == ["PASS", "FAIL", "PASS"]
    assert (first.part_number, first.batch_number, first.procedure_version, first.operated_by) == (
        "LM-7805", "L77", "R4", "sandy",
    )  # fmt: skip
    assert (first.started_at, first.ended_at) == (START, START + timedelta(seconds=1.5))
    assert (second.started_at, third.started_at) == (START, first.ended_at)
    assert first.metadata["hard_bin"] == 1
    assert not {"soft_bin", "x"} & set(first.metadata)
    assert [(one.name, one.outcome) for one in second.phases] == [("DC", "FAIL"), ("Tests", "FAIL")]


@pytest.mark.parametrize("order", ["<", ">"])
def test_tests_become_measurements_with_the_limits_of_their_first_record(order: str) -> None:
    first, second, _third = runs(a_lot(order))

    found = {one.name: one for phase in first.phases for one in phase.measurements}
    assert {name: (one.measured_value, one.outcome) for name, one in found.items()} == {
        "Output voltage": (5.0, "PASS"),
        "Pin currents": ([1.5, 2.5], "PASS"),
        "Digital": (True, "PASS"),
        "Leakage": (0.25, "UNSET"),
        "Test 14": (None, "PASS"),
    }
    assert (found["Pin currents"].units, found["Output voltage"].docstring) == ("mA", "Test number 10")
    late = second.phases[0].measurements[0]
    assert (late.name, late.units, late.measured_value) == ("Output voltage", "V", 5.5)
    assert [(one.operator, one.expected_value, one.outcome) for one in late.validators] == [
        (">=", 4.75, "PASS"),
        ("<=", 5.25, "FAIL"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\x02\x00\x00\x0b\x02\x04", "FAR"),
        (start("<", cpu=0).content, "VAX"),
        (start("<", version=3).content, "version 3"),
        (start("<").content, "no part"),
        (start("<").content[:-1], "cut off"),
        (start("<").content + b"\x01", "cut off"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        parse("STDF", content)


def test_results_before_the_lot_are_refused() -> None:
    writer = Writer("<")
    writer.record(0, 10, ("B", 2), ("B", 4))
    writer.record(5, 10, ("B", 1), ("B", 1))
    prr(writer, 1, "1")

    with pytest.raises(BadRequest, match="MIR"):
        parse("STDF", writer.content)


RECORDS = st.lists(
    st.tuples(
        st.sampled_from(
            [(1, 10), (2, 10), (5, 10), (5, 20), (10, 30), (15, 10), (15, 15), (15, 20), (20, 10), (20, 20)]
        ),
        st.binary(max_size=60),
    )
)


@PATIENT
@given(st.sampled_from("<>"), RECORDS)
def test_no_records_take_the_importer_down(order: str, records: Iterable[tuple[tuple[int, int], bytes]]) -> None:
    writer = start(order)
    for (kind, subkind), body in records:
        writer.record(kind, subkind, *[("B", byte) for byte in body])
    writer.record(5, 10, ("B", 0), ("B", 0))
    prr(writer, 0, "x")

    try:
        found = runs(writer.content)
    except BadRequest as refused:
        assert "not built as such files" not in refused.message  # noqa: PT017
    else:
        assert found


def test_a_file_of_more_than_can_be_stored_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from portal.services.imports import semiconductor

    for limit, words in (("MOST_RUNS", "more than 2 parts"), ("MOST_TESTS", "more than 2 tests")):
        with monkeypatch.context() as patch:
            patch.setattr(semiconductor, limit, 2)
            with pytest.raises(BadRequest, match=words):
                parse("STDF", a_lot("<"))
