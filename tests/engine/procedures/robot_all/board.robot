*** Settings ***
Documentation     The board.
Library           tofupilot_robot
Library           instruments.py

*** Test Cases ***
Rail
    [Documentation]    Measures the rail.
    Log    serial %{STATIONMASTER_SERIAL_NUMBER}
    ${rail}    Measure Numeric    rail_5v    5.01    min=4.75    max=5.25    unit=V    description=Output
    Should Be Equal    ${rail}    ${5.01}
    Measure String    state    idle    allowed=idle, ready
    Measure Boolean    led    yes    expected=true

Rail Too High
    Log    probe worn    WARN
    Measure Numeric    rail_5v    9.1    max=5.25    unit=V

Not A Number
    Measure Numeric    rail_5v    nan    min=0

Assertion Caught On The Way
    Run Keyword And Ignore Error    Fail    not this one
    Connection Lost

Assertion In A Keyword
    Compare

Unknown Keyword
    No Such Keyword

Setup Fails
    [Setup]    Fail    setup
    No Operation

Teardown Fails
    No Operation
    [Teardown]    Fail    teardown

Skipped
    Skip    no fixture for it yet

*** Keywords ***
Compare
    Should Be Equal    ${1}    ${2}
