*** Settings ***
Documentation     The rail check: each test case is a phase, each Measure keyword a measurement.
Library           stationmaster_robot
Library           instruments.py
Suite Setup       Run Keywords    Open Instruments    AND    Feed Board    5.0    0.5
Suite Teardown    Make Safe

*** Test Cases ***
Idle Current
    [Documentation]    The board takes its current from output 1.
    ${current}    Read Current
    Measure Numeric    current    ${current}    min=0.01    max=0.35    unit=A    description=Supply current

Rail 3V3
    [Documentation]    The 3.3 V rail, while the fixture's relays are at rest.
    ${volts}    Read Volts
    Measure Numeric    rail_3v3    ${volts}    min=3.2    max=3.4    unit=V
