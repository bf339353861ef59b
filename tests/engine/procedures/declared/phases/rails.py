import logging


def rail(measurements, meter, log, attach, unit, run):
    measurements.rail = meter.read(scale=1.0)
    log.info("rail is %s", measurements.rail * 1)
    print("printed")
    logging.getLogger("x").warning("bridged")
    curve = measurements.curve
    curve.x_axis = [0, 1, 2]
    curve.y_axis.volts = [4.0, 5.0, 5.5]
    curve.y_axis.volts.aggregations.peak = 5.5
    attach.data(b"hello", "hello.txt")
    unit.metadata["fw"] = "1.2"
    run.metadata["room_c"] = 21.5


def twice(measurements, phase, run):
    measurements.count = run.retry_count
    if run.retry_count == 0:
        phase.retry("not yet")


def reads(rail, twice, log):
    log.info("%s %s %s", rail.measurements.rail, rail.outcome, twice.measurements.count)


def off(meter, log):
    log.info("calls %s", meter.calls)
