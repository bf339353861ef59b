"""The backend ``@bench``, through PyVISA as a procedure uses it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import AccessModes, StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.resources import MessageBasedResource

PSU, DMM = "TCPIP0::192.0.2.11::inst0::INSTR", "TCPIP0::192.0.2.12::inst0::INSTR"

PLAIN = """
spec: "1.1"
devices:
  thing:
    eom:
      TCPIP INSTR: {q: "\\n", r: "\\n"}
    error: ERROR
    dialogues:
      - {q: "*IDN?", r: "PLAIN,THING,1,0"}
resources:
  TCPIP0::thing.example::inst0::INSTR: {device: thing}
"""
SOCKET = """
bench: {name: sockets}
instruments:
  psu: {model: keysight_e36312a, address: "TCPIP0::192.0.2.11::5025::SOCKET", serial: SIM1}
dut: {model: pcba_100}
"""


def open_(manager: pyvisa.ResourceManager, address: str, **options: object) -> MessageBasedResource:
    settings: Any = {"read_termination": "\n", "write_termination": "\n", "timeout": 2000} | options
    opened = manager.open_resource(address, **settings)
    assert isinstance(opened, MessageBasedResource)
    return opened


def refusal(error: pytest.ExceptionInfo[VisaIOError]) -> StatusCode:
    return StatusCode(error.value.error_code)


def test_both_instruments_are_listed_and_share_one_circuit(manager: pyvisa.ResourceManager) -> None:
    psu, dmm = open_(manager, PSU), open_(manager, DMM)

    psu.write("VOLT 5,(@1);:OUTP ON,(@1)")
    readings = [float(dmm.query("CONF:VOLT 10;:VOLT:NPLC 0.2;:READ?")) for _ in range(30)]

    assert manager.list_resources() == (PSU, DMM)
    assert max(readings) == pytest.approx(3.3, abs=0.05)


@pytest.mark.parametrize("specification", ["@bench", "pcba@bench"])
def test_the_environment_names_the_bench(monkeypatch: pytest.MonkeyPatch, specification: str) -> None:
    monkeypatch.setenv("PYVISA_LIBRARY", specification)
    manager = pyvisa.ResourceManager()

    assert PSU in manager.list_resources()
    manager.close()


def test_managers_share_a_bench_until_the_last_is_closed() -> None:
    first, second = pyvisa.ResourceManager("@bench"), pyvisa.ResourceManager("@bench")
    open_(first, PSU).write("VOLT 3,(@1)")
    assert open_(second, PSU).query("VOLT? (@1)") == "+3.000000E+00"
    first.close()

    third = pyvisa.ResourceManager("@bench")
    assert open_(third, PSU).query("VOLT? (@1)") == "+0.000000E+00"
    third.close()


def test_an_absent_instrument_refuses_to_open(manager: pyvisa.ResourceManager) -> None:
    for address in ("TCPIP0::192.0.2.99::inst0::INSTR", "GPIB0::5::INSTR"):
        with pytest.raises(VisaIOError) as error:
            manager.open_resource(address)

        assert refusal(error) is StatusCode.error_resource_not_found


def test_no_answer_is_a_time_out_that_takes_its_time(manager: pyvisa.ResourceManager) -> None:
    psu = open_(manager, PSU, timeout=200)
    started_at = time.monotonic()

    with pytest.raises(VisaIOError) as error:
        psu.read()

    assert refusal(error) is StatusCode.error_timeout
    assert 0.2 <= time.monotonic() - started_at < 1.0
    assert psu.query("SYST:ERR?") == '-420,"Query UNTERMINATED"'


def test_a_late_answer_comes_after_the_time_out(manager: pyvisa.ResourceManager) -> None:
    dmm = open_(manager, DMM, timeout=100)
    with pytest.raises(VisaIOError):
        dmm.query("READ?")  # 10 power line cycles take 0.4 s

    dmm.timeout = 2000
    assert float(dmm.read()) == pytest.approx(0, abs=0.01)


def test_clear_ends_a_wait(manager: pyvisa.ResourceManager) -> None:
    dmm = open_(manager, DMM, timeout=50)
    with pytest.raises(VisaIOError):
        dmm.query("CONF:VOLT 10;:TRIG:SOUR EXT;:READ?")

    dmm.clear()
    dmm.timeout = 2000
    assert dmm.query("*OPC?;SYST:ERR?") == '1;+0,"No error"'


def test_serial_poll_and_trigger(manager: pyvisa.ResourceManager) -> None:
    dmm = open_(manager, DMM)
    dmm.write("*CLS;CONF:VOLT 10;:VOLT:NPLC 0.02;:TRIG:SOUR BUS;:INIT")
    dmm.assert_trigger()

    assert float(dmm.query("FETC?")) == pytest.approx(0, abs=0.05)
    dmm.write("BLAH")
    assert dmm.read_stb() == 4


def test_a_locked_instrument_refuses_others(manager: pyvisa.ResourceManager) -> None:
    mine, theirs = open_(manager, PSU), open_(manager, PSU, timeout=50)

    with mine.lock_context():
        with pytest.raises(VisaIOError) as error:
            theirs.query("*IDN?")
        assert refusal(error) is StatusCode.error_resource_locked
        with pytest.raises(VisaIOError):
            theirs.lock_excl(timeout=20)
        with pytest.raises(VisaIOError):
            manager.open_resource(PSU, access_mode=AccessModes.exclusive_lock, open_timeout=20)
        assert mine.query("*ESE?") == "0"

    assert theirs.query("*ESE?") == "0"


def test_a_shared_lock_is_for_those_who_know_its_key(manager: pyvisa.ResourceManager) -> None:
    one, two, three = (open_(manager, PSU) for _ in range(3))
    key = one.lock()
    two.lock(requested_key=key)

    assert two.query("*ESE?") == "0"
    with pytest.raises(VisaIOError):
        three.query("*ESE?")
    one.close()  # closing gives its share back
    two.unlock()
    assert three.query("*ESE?") == "0"
    with pytest.raises(VisaIOError) as error:
        two.unlock()
    assert refusal(error) is StatusCode.error_session_not_locked


def test_end_ends_a_message_without_a_terminator(manager: pyvisa.ResourceManager) -> None:
    psu = open_(manager, PSU, write_termination="")

    assert psu.query("*IDN?").startswith("Keysight")
    psu.send_end = False
    psu.write_raw(b"*ES")
    psu.write_raw(b"E?\n")
    assert psu.read() == "0"


def test_a_socket_has_only_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "sockets.yaml").write_text(SOCKET)
    manager = pyvisa.ResourceManager(f"{tmp_path / 'sockets.yaml'}@bench")
    psu = open_(manager, "TCPIP0::192.0.2.11::5025::SOCKET")

    psu.write_raw(b"*IDN")
    psu.write_raw(b"?\r\n")
    assert ",SIM1," in psu.read()
    manager.close()


@pytest.mark.parametrize(
    "address",
    ["USB0::0x2A8D::0x1102::SIM1::INSTR", "GPIB0::5::INSTR", "ASRL3::INSTR", "TCPIP0::192.0.2.11::hislip0::INSTR"],
)
def test_an_instrument_may_hang_on_any_bus(tmp_path: Path, address: str) -> None:
    (tmp_path / "bus.yaml").write_text(SOCKET.replace("TCPIP0::192.0.2.11::5025::SOCKET", address))
    manager = pyvisa.ResourceManager(f"{tmp_path / 'bus.yaml'}@bench")
    psu = open_(manager, address)

    assert len(manager.list_resources()) == 1
    assert ",SIM1," in psu.query("*IDN?")
    assert psu.query("*ESE?;*SRE?") == "0;0"
    manager.close()


def test_an_overlong_message_is_refused(tmp_path: Path, manager: pyvisa.ResourceManager) -> None:
    psu = open_(manager, PSU)
    psu.send_end = False
    psu.write_raw(b"A" * 70_000)
    psu.send_end = True

    assert psu.query("SYST:ERR?").startswith("-363,")


def test_two_threads_never_mix_their_answers(manager: pyvisa.ResourceManager) -> None:
    wrong: list[str] = []

    def ask(address: str, model: str) -> None:
        instrument = open_(manager, address)
        for _ in range(150):
            answer = instrument.query("*IDN?")
            if model not in answer:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=pair) for pair in ((PSU, "E36312A"), (DMM, "34461A"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_plain_file_of_pyvisa_sim_still_loads(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    manager = pyvisa.ResourceManager(f"{tmp_path / 'plain.yaml'}@bench")
    thing = open_(manager, "TCPIP0::thing.example::inst0::INSTR")

    assert thing.query("*IDN?") == "PLAIN,THING,1,0"
    with pytest.raises(VisaIOError):
        manager.open_resource(PSU)
    with pytest.raises(VisaIOError) as error:
        thing.clear()
    assert refusal(error) is StatusCode.error_nonsupported_operation
    manager.close()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("bench: {}", "bench.name"),
        ("a: [1", "is not YAML"),
        ("hello: 1", "neither a bench file"),
        ("", "neither a bench file"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "bad.yaml").write_text(content)

    with pytest.raises(ValueError, match=complaint):
        pyvisa.ResourceManager(f"{tmp_path / 'bad.yaml'}@bench")


def test_a_missing_file_is_refused_in_words() -> None:
    with pytest.raises(
        ValueError, match=r"no bench is called 'nowhere\.yaml' and no such file exists; shipped benches: "
    ):
        pyvisa.ResourceManager("nowhere.yaml@bench")


def test_unit_and_trace_are_read_when_the_bench_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace.jsonl"
    monkeypatch.setenv("BENCH_SIM_TRACE", str(trace))
    monkeypatch.setenv("BENCH_SIM_UNIT", "SN-000066")
    monkeypatch.setenv("BENCH_SIM_SPEED", "10")
    manager = pyvisa.ResourceManager("@bench")
    psu = open_(manager, PSU)
    psu.write("VOLT 5,(@1);:CURR 0.5,(@1);:OUTP ON,(@1)")
    time.sleep(0.05)
    mode = psu.query("STAT:QUES:INST:ISUM1:COND?")
    manager.close()

    assert mode == "1"  # this unit has a short
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [(line["instrument"], line["resource"], line["answer"]) for line in lines] == [
        ("psu", PSU, None),
        ("psu", PSU, "1"),
    ]
    assert lines[0]["message"] == "VOLT 5,(@1);:CURR 0.5,(@1);:OUTP ON,(@1)"
    assert lines[0]["bench_s"] < lines[1]["bench_s"]


def test_a_bad_speed_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SIM_SPEED", "fast")

    with pytest.raises(ValueError, match="BENCH_SIM_SPEED is 'fast', but must be a number"):
        pyvisa.ResourceManager("@bench")
