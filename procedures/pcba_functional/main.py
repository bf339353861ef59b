"""Functional test of the PCBA-100 controller board.

A power supply feeds the board, a multimeter measures its rails through the fixture. The fixture has two relays that
choose the test point: relay 1 (coil on supply output 3) the board's input, relay 2 (coil on output 2) the 1.8 V rail,
both at rest the 3.3 V rail.

    python main.py
    python main.py --config-value psu_resource=USB0::0x2A8D::0x1102::MY12345678::INSTR
"""

import csv
import importlib.util
import io
import os
import time

import openhtf as htf
import pyvisa
from openhtf.core.base_plugs import BasePlug
from openhtf.output.callbacks import console_summary, json_factory
from openhtf.plugs import user_input
from openhtf.util import configuration, units, validators
from pyvisa.ctwrapper import IVIVisaLibrary

CONF = configuration.CONF
PSU_RESOURCE = CONF.declare(
    "psu_resource", "VISA resource of the power supply.", default_value="TCPIP0::192.0.2.11::inst0::INSTR"
)
DMM_RESOURCE = CONF.declare(
    "dmm_resource", "VISA resource of the multimeter.", default_value="TCPIP0::192.0.2.12::inst0::INSTR"
)
SETTLE_S = CONF.declare("settle_s", "Seconds to wait after a change of voltage or relay.", default_value=0.1)
START_UP_S = CONF.declare("start_up_s", "Seconds that the board needs to start.", default_value=0.5)
DISCHARGE_S = CONF.declare("discharge_s", "Seconds until the rails must be down.", default_value=0.6)
RECORD_FILE = CONF.declare("record_file", "Where to write the record as JSON; empty for nowhere.", default_value="")

BOARD, RELAY_2, RELAY_1 = 1, 2, 3  # outputs of the power supply
SUPPLY_V = 5.0
CURRENT_LIMIT_A = 0.5
SWEEP_V = (4.5, 4.75, 5.0, 5.25, 5.5)
SUPPLY_MODES = {"0": "off", "1": "CC", "2": "CV", "3": "protection"}
SECONDS_FOR_OPERATOR = 15 * 60


class Instrument(BasePlug):
    """An instrument on VISA."""

    resource_name = ""

    def __init__(self):
        self.visa = pyvisa.ResourceManager().open_resource(
            self.resource_name, read_termination="\n", write_termination="\n", timeout=5000
        )
        self.visa.clear()
        self.write("*RST;*CLS")

    @property
    def identity(self):
        """Maker, model, serial number, firmware."""
        return self.query("*IDN?")

    def write(self, command):
        """Send a command."""
        self.visa.write(command)

    def query(self, command):
        """Ask, and return the answer as text."""
        return self.visa.query(command)

    def check(self):
        """Raise if the instrument refused something."""
        error = self.query("SYST:ERR?")
        if not error.startswith("+0,"):
            raise RuntimeError(f"{self.resource_name} says {error}")

    def tearDown(self):
        """Close the connection."""
        self.visa.close()


class PowerSupply(Instrument):
    """Keysight E36312A. Output 1 feeds the board, 2 and 3 the coils of the fixture's relays."""

    def __init__(self):
        self.resource_name = PSU_RESOURCE.value
        super().__init__()

    def prepare(self):
        """Limits for the board and for the coils; everything off."""
        self.write(f"OUTP OFF,(@1:3);:CURR {CURRENT_LIMIT_A},(@{BOARD});:VOLT:PROT 6,(@{BOARD})")
        self.write(f"VOLT 5,(@{RELAY_2},{RELAY_1});:CURR 0.1,(@{RELAY_2},{RELAY_1})")
        self.check()

    def set_voltage(self, volts):
        """Voltage of the board."""
        self.write(f"VOLT {volts},(@{BOARD})")

    def switch(self, output, is_on):
        """Switch one output."""
        self.write(f"OUTP {'ON' if is_on else 'OFF'},(@{output})")

    def measure_voltage(self):
        """Volts at the board's output."""
        return float(self.query(f"MEAS:VOLT? (@{BOARD})"))

    def measure_current(self):
        """Amperes into the board."""
        return float(self.query(f"MEAS:CURR? (@{BOARD})"))

    def mode(self):
        """CV, CC, off or protection."""
        return SUPPLY_MODES[self.query(f"STAT:QUES:INST:ISUM{BOARD}:COND?")]

    def all_off(self):
        """Make safe."""
        self.write("OUTP OFF,(@1:3)")

    def tearDown(self):
        """Outputs off, whatever happened, then close."""
        self.all_off()
        super().tearDown()


class Multimeter(Instrument):
    """Keysight 34461A behind the fixture's relays."""

    def __init__(self):
        self.resource_name = DMM_RESOURCE.value
        super().__init__()

    def measure_dc(self):
        """Volts DC, 10 V range."""
        return float(self.query("MEAS:VOLT:DC? 10"))

    def measure_ac(self):
        """Volts AC, true rms, autorange."""
        return float(self.query("MEAS:VOLT:AC?"))


def select_test_point(supply, name):
    """Let the fixture connect the multimeter to ``vin``, ``tp_3v3`` or ``tp_1v8``."""
    supply.switch(RELAY_1, name == "vin")
    supply.switch(RELAY_2, name == "tp_1v8")
    time.sleep(SETTLE_S.value)


@htf.measures(
    htf.Measurement("supply_identity").matches_regex(r"^Keysight Technologies,E36312A,").doc("Answer to *IDN?"),
    htf.Measurement("meter_identity").matches_regex(r"^Keysight Technologies,34461A,").doc("Answer to *IDN?"),
)
@htf.plug(supply=PowerSupply, meter=Multimeter)
def identify_instruments(test, supply, meter):
    """The right instruments answer and are set up."""
    test.measurements.supply_identity = supply.identity
    test.measurements.meter_identity = meter.identity
    supply.prepare()
    test.logger.info("Supply limited to %.1f A, protection at 6 V", CURRENT_LIMIT_A)
    test.attach("instruments.txt", f"{supply.identity}\n{meter.identity}\n", mimetype="text/plain")


@htf.PhaseOptions(timeout_s=SECONDS_FOR_OPERATOR + 10)
@htf.plug(operator=user_input.UserInput)
def insert_board(test, operator):
    """The operator puts the board into the fixture."""
    operator.prompt("Insert the board and close the fixture, then confirm.", timeout_s=SECONDS_FOR_OPERATOR)
    test.logger.info("Fixture closed")


@htf.PhaseOptions(stop_on_measurement_fail=True)
@htf.measures(
    htf.Measurement("inrush_current").with_units(units.MILLIAMPERE).in_range(100, 250).doc("Highest while starting"),
    htf.Measurement("input_voltage").with_units(units.VOLT).in_range(4.9, 5.1).doc("At the board, by the meter"),
    htf.Measurement("supply_mode").equals("CV").doc("CC means that the board takes more than the limit"),
)
@htf.plug(supply=PowerSupply, meter=Multimeter)
def power_on(test, supply, meter):
    """Switch on and watch the board start. Nothing else is tried on a board that does not."""
    select_test_point(supply, "vin")
    supply.set_voltage(SUPPLY_V)
    supply.switch(BOARD, True)
    started_at = time.monotonic()
    currents = [supply.measure_current()]
    while time.monotonic() - started_at < START_UP_S.value:
        currents.append(supply.measure_current())
    test.logger.info("Board started: %d readings, highest %.1f mA", len(currents), max(currents) * 1e3)
    test.measurements.inrush_current = max(currents) * 1e3
    test.measurements.input_voltage = meter.measure_dc()
    test.measurements.supply_mode = supply.mode()


@htf.measures(htf.Measurement("idle_current").with_units(units.MILLIAMPERE).in_range(30, 60))
@htf.plug(supply=PowerSupply)
def input_current(test, supply):
    """Current of the board at rest, mean of five readings."""
    readings = [supply.measure_current() for _ in range(5)]
    test.measurements.idle_current = sum(readings) / len(readings) * 1e3


@htf.measures(
    htf.Measurement("rail_3v3").with_units(units.VOLT).in_range(3.2, 3.4).with_precision(4),
    htf.Measurement("ripple_3v3").with_units(units.MILLIVOLT).in_range(maximum=20).with_precision(2),
)
@htf.plug(supply=PowerSupply, meter=Multimeter)
def rail_3v3(test, supply, meter):
    """3.3 V rail: voltage and ripple."""
    select_test_point(supply, "tp_3v3")
    test.measurements.rail_3v3 = meter.measure_dc()
    test.measurements.ripple_3v3 = meter.measure_ac() * 1e3


@htf.measures(
    htf.Measurement("rail_1v8").with_units(units.VOLT).in_range(1.75, 1.85).with_precision(4),
    htf.Measurement("ripple_1v8").with_units(units.MILLIVOLT).in_range(maximum=20).with_precision(2),
)
@htf.plug(supply=PowerSupply, meter=Multimeter)
def rail_1v8(test, supply, meter):
    """1.8 V rail: voltage and ripple."""
    select_test_point(supply, "tp_1v8")
    test.measurements.rail_1v8 = meter.measure_dc()
    test.measurements.ripple_1v8 = meter.measure_ac() * 1e3


@htf.measures(
    htf.Measurement("line_regulation")
    .with_dimensions(htf.Dimension("input voltage", units.VOLT))
    .with_units(units.VOLT)
    .with_validator(validators.dimension_pivot_validate(validators.in_range(3.2, 3.4)))
    .doc("3.3 V rail over the input voltage"),
)
@htf.plug(supply=PowerSupply, meter=Multimeter)
def regulator_sweep(test, supply, meter):
    """The 3.3 V rail over the whole input range, lowest to highest."""
    select_test_point(supply, "tp_3v3")
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["input_v", "output_v", "input_a"])
    for volts in SWEEP_V:
        supply.set_voltage(volts)
        time.sleep(SETTLE_S.value)
        output = meter.measure_dc()
        test.measurements.line_regulation[volts] = output
        rows.writerow([volts, round(output, 5), round(supply.measure_current(), 5)])
        test.logger.info("%.2f V in, %.4f V out", volts, output)
    supply.set_voltage(SUPPLY_V)
    test.attach("line_regulation.csv", table.getvalue(), mimetype="text/csv")


@htf.PhaseOptions(timeout_s=SECONDS_FOR_OPERATOR + 10)
@htf.measures(htf.Measurement("led_colour").equals("green").doc("As the operator sees it"))
@htf.plug(operator=user_input.UserInput)
def led_colour(test, operator):
    """The operator looks at the LED."""
    answer = operator.prompt(
        "Which colour is the LED? (green, red or off)", text_input=True, timeout_s=SECONDS_FOR_OPERATOR
    )
    test.measurements.led_colour = answer.strip().lower()


@htf.measures(htf.Measurement("residual_3v3").with_units(units.VOLT).in_range(maximum=0.3))
@htf.plug(supply=PowerSupply, meter=Multimeter)
def power_off(test, supply, meter):
    """After power-off the rails must be down before the board may be taken out."""
    select_test_point(supply, "tp_3v3")
    supply.switch(BOARD, False)
    time.sleep(DISCHARGE_S.value)
    test.measurements.residual_3v3 = meter.measure_dc()


@htf.plug(supply=PowerSupply)
def make_safe(test, supply):
    """Outputs off, however the test ended."""
    supply.all_off()
    test.logger.info("All outputs off")


def make_test():
    """The whole test, ready to be executed."""
    return htf.Test(
        htf.PhaseGroup(
            setup=[identify_instruments, insert_board],
            main=[power_on, input_current, rail_3v3, rail_1v8, regulator_sweep, led_colour, power_off],
            teardown=[make_safe],
        ),
        test_name="PCBA functional",
        test_description="Functional test of the PCBA-100",
        test_version="1.0.0",
        part_number="PCBA-100",
        revision_number="B",
    )


def use_simulated_bench_without_visa():
    """Fall back to the simulated bench where there can be no real one: no VISA library, and none asked for."""
    if os.environ.get("PYVISA_LIBRARY") or IVIVisaLibrary.get_library_paths():
        return
    if importlib.util.find_spec("pyvisa_py") or not importlib.util.find_spec("pyvisa_bench"):
        return
    print("No VISA library is installed: using the simulated bench (PYVISA_LIBRARY=@bench).", flush=True)
    os.environ["PYVISA_LIBRARY"] = "@bench"


def put_into_simulated_fixture(serial_number):
    """Let a simulated bench have the board of this serial number, unless told otherwise; a real one has its own."""
    os.environ.setdefault("BENCH_SIM_UNIT", serial_number)
    return serial_number


def main():
    """Ask for the serial number and test one board. Returns True if it passed."""
    use_simulated_bench_without_visa()
    test = make_test()
    test.add_output_callbacks(console_summary.ConsoleSummary())
    if RECORD_FILE.value:
        test.add_output_callbacks(json_factory.OutputToJSON(RECORD_FILE.value, indent=2))
    scan = user_input.prompt_for_test_start(
        "Scan the serial number of the board.", validator=put_into_simulated_fixture
    )
    return test.execute(test_start=scan)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
