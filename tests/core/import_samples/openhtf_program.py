"""A test program of OpenHTF that writes its record to the path that it is given: everything an importer must know."""

from __future__ import annotations

import sys

import openhtf as htf
from openhtf.output.callbacks import json_factory
from openhtf.util import units, validators
from openhtf.util.configuration import CONF

tries = []


@htf.PhaseOptions(repeat_limit=3)
@htf.measures(
    htf.Measurement("supply").in_range(1, 4, marginal_minimum=2, marginal_maximum=3).with_units(units.VOLT),
    htf.Measurement("is_sealed").equals(True),
    htf.Measurement("firmware").equals("it's 1.0"),
    htf.Measurement("leds").equals(5),
    htf.Measurement("mac").matches_regex(r"^a/b.*"),
    htf.Measurement("clock").within_percent(10, 5),
    htf.Measurement("custom").with_validator(lambda value: True),
    htf.Measurement("at_least").in_range(minimum=1),
    htf.Measurement("gain").with_dimensions(units.HERTZ).with_units(units.DECIBEL),
    htf.Measurement("by_channel").with_dimensions(units.HERTZ, "channel").with_units("dB"),
    htf.Measurement("nothing"),
    htf.Measurement("points"),
    htf.Measurement("unset"),
)
def electrical(test):
    """Rails and friends."""
    found = test.measurements
    found.supply, found.is_sealed, found.firmware, found.leds, found.mac = 1.5, True, "it's 1.0", 5, "a/bcd"
    found.clock, found.custom, found.at_least, found.nothing = 10.2, 1, 2, float("nan")
    found.gain[1], found.gain[10] = -3.0, float("nan")
    found.by_channel[1, "left"] = 2.0
    found.points = [1, 2]
    test.logger.warning("supply is low")
    tries.append(1)
    if len(tries) == 1:
        return htf.PhaseResult.REPEAT
    test.attach("trace.csv", b"1;2")
    return None


@htf.measures(
    htf.Measurement("all_low")
    .with_dimensions(units.HERTZ)
    .with_validator(validators.dimension_pivot_validate(validators.InRange(0, 1)))
)
def failing(test):
    test.measurements.all_low[1] = 2


def main() -> None:
    CONF.load(capture_source=True)  # docstrings are in the record only with this
    test = htf.Test(
        electrical, failing, test_name="board test", procedure_id=sys.argv[2], part_number="PCBA-100", revision="C",
        batch_number="B-7", procedure_version="1.2.0", sub_units=[],
    )  # fmt: skip
    has_nan = sys.argv[3] == "nan"
    test.add_output_callbacks(json_factory.OutputToJSON(sys.argv[1], inline_attachments=has_nan, allow_nan=has_nan))
    test.execute(lambda: "SN-HTF-1")


if __name__ == "__main__":
    main()
