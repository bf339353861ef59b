"""procedure.yaml: what is read, and that all that is wrong is said at once. Source: contract/procedure-format.md."""

from __future__ import annotations

import keyword
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.procedure_file import Procedure, ProcedureRefused, find_file, load, load_text
from station.procedure_file.words import derive_key, is_key

WHOLE = """
id: 0192
name: "  PCBA functional test "
version: 1.10
description: Everything at once
execution: {strategy: slot_first, workers: 2, on_first_failure: continue, slots: [{name: Left nest, colour: red}]}
unit:
  auto_identify: yes
  serial_number: {default_value: SN-1, pattern: "^SN-", min_length: 3, max_length: 20}
  part_number: {default_value: 100}
  sub_units: [{label: Power supply, serial_number: {default_value: PS-1}}]
  metadata: {fw.version: {placeholder: 1.2.3}}
plugs:
  - {name: Bench meter, python: plugs.dmm:Meter, scope: all, config: {address: 7, fast: true, limits: [1, 2.5]}}
setup:
  - {name: Power on, scope: execution, executable: {command: ./on.sh, shell: bash}, timeout: 1h30m}
main:
  - name: 5 V rail
    python: phases.rail
    depends_on: []
    retry: {limit: 2, delay: 500 ms}
    then: {pass: continue, fail: continue, timeout: retry}
    measurements:
      - name: Rail voltage
        unit: V
        validators: [{operator: ">=", expected_value: 4.75}, {operator: "<=", expected_value: 5.25}]
        aggregations: [{type: mean, validators: [{operator: "<", expected_value: 5}]}]
      - name: id
        validators: [{operator: ==, expected_value: {model: X, fw: 2}}, {operator: not in, expected_value: [1]}]
      - {name: curve, x_axis: {legend: Time, unit: s}, y_axis: [{legend: Voltage, unit: V}]}
  - name: Look
    timeout: 250
    ui:
      components:
        - {type: switch, label: LED lit, bind: measurements.led, required: true}
        - {type: image, image: x.png}
""".replace(", image: x.png", ", width: 40%, fit: contain")


def refusal(text: str) -> list[str]:
    """What is said of the text, a line each without the file's name."""
    with pytest.raises(ProcedureRefused) as refused:
        load_text(textwrap.dedent(text))
    return [str(problem) for problem in refused.value.problems]


def with_main(text: str) -> str:
    return f"name: Test\nmain:\n{textwrap.indent(textwrap.dedent(text).strip(), '  ')}\n"


def test_a_whole_procedure() -> None:
    loaded = load_text(WHOLE)

    found = loaded.procedure
    assert (found.name, found.version, found.id) == ("PCBA functional test", "1.10", "0192")
    assert (found.workers, [slot.id for slot in found.slots]) == (2, ["left_nest"])
    assert found.unit is not None
    assert (found.unit.auto_identify, found.unit.part_number.default_value) == (True, "100")
    assert (found.plugs[0].id, found.plugs[0].scope) == ("bench_meter", "execution")
    assert found.plugs[0].config == {"address": 7, "fast": True, "limits": [1, 2.5]}
    assert found.setup[0].timeout == timedelta(hours=1, minutes=30)
    rail, look = found.main
    assert (rail.id, rail.then.passed, rail.retry.delay) == ("_5_v_rail", "continue", timedelta(milliseconds=500))  # type: ignore[union-attr]
    assert [one.id for one in rail.measurements] == ["rail_voltage", "id", "curve"]
    assert look.ui is not None
    assert (look.ui.is_asking, look.timeout) == (True, timedelta(milliseconds=250))
    assert [str(one) for one in loaded.warnings] == [
        "6:101: execution.slots[0].colour: “colour” has no effect here.",
        ("35:42: main[1].ui.components[0].bind: The phase declares no measurement “led”: the answer is recorded "
        "without limits."),
    ]  # fmt: skip


def test_the_least_that_is_a_procedure() -> None:
    found = load_text("name: T\nmain: [{name: A}]").procedure

    assert (found.version, found.unit, found.workers, [one.id for one in found.slots]) == (None, None, 4, ["default"])


def test_words_are_read_as_yaml_1_2_reads_them() -> None:
    found = load_text('name: on\nversion: 0o17\ndescription: no\nmain: [{name: lit?, description: "1:30"}]')

    assert (found.procedure.name, found.procedure.version, found.procedure.description) == ("on", "0o17", "no")
    assert (found.procedure.main[0].name, found.procedure.main[0].description) == ("lit?", "1:30")


def test_every_problem_is_said_at_once_in_the_order_of_the_lines() -> None:
    assert refusal(
        """\
        name: ""
        exection: {}
        unit:
          auto_identify: true
          serial_number: {pattern: "^[A-"}
        plugs: [{name: DMM, python: a.b}, {name: dmm, python: a.b}]
        main:
          - {name: A, timeout: 1.5s, depends_on: [Bb]}
          - {name: B, depends_on: [c]}
          - {name: C, depends_on: [b], python: x, executable: {command: y}}
          - {name: bb}
        """
    ) == [
        "1:1: name: It must not be empty.",
        "2:1: exection: “exection” is not known here. Did you mean “execution”?",
        "4:3: unit.auto_identify: auto_identify asks nobody, so part_number needs a default_value.",
        "5:3: unit.serial_number: auto_identify asks nobody, so serial_number needs a default_value.",
        ("5:19: unit.serial_number.pattern: The pattern is not a regular expression: unterminated character set at "
        "position 1."),
        "6:35: plugs[1]: There is another plug with the key “dmm”, in line 6.",
        ("8:15: main[0].timeout: A duration is a whole number of milliseconds, or whole numbers with ms, s, m or h, "
        "such as 1h30m or 500ms."),
        "8:43: main[0].depends_on[0]: There is no phase “Bb” in main. Did you mean “bb”?",
        "9:5: main[1]: Phases wait for each other: b → c → b. None of them could begin.",
        "10:5: main[2]: A phase runs either “python” or “executable”, not both.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("measurement", "said"),
    [
        ("validators: [{operator: '=>', expected_value: 5}]", "is none of: ==, !=, >, <, >=, <=, in, not in, matches"),
        ("validators: [{operator: '>=', expected_value: '5'}]", "is a number"),
        ("validators: [{operator: '<', expected_value: true}]", "is a number"),
        ("validators: [{operator: '<', expected_value: .nan}]", "is a number"),
        ("validators: [{operator: in, expected_value: 5}]", "is a list"),
        ("validators: [{operator: matches, expected_value: '['}]", "not a regular expression"),
        ("validators: [{expected_value: 5}]", "needs an operator"),
        ("aggregations: [{type: mean, validators: [{operator: '>'}]}]", "is a number"),
        ("limits: 5", "“limits” is not known here"),
    ],
)
def test_a_limit_that_could_not_be_judged_is_no_limit(measurement: str, said: str) -> None:
    found = refusal(with_main(f"- {{name: A, measurements: [{{name: rail, {measurement}}}]}}"))

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\n\tmain: []", "2:1: There is a tab"),
        ("name: [", "This is not YAML"),
        ("name: A\nmain: [{name: x}]\n---\nname: B", "3:1: There is a second document"),
        ("name: A\nname: B\nmain: [{name: x}]", "2:1: name: “name” stands here twice; first in line 1."),
        ("name: !!python/object:os.system x\nmain: [{name: x}]", "The tag"),
        ("", "“main” is missing"),
        ("- a", "A mapping is wanted here"),
        ("name: A\nmain: []", "At least one is needed here"),
        ("name: A\nmain: {name: x}", "A list is wanted here"),
        ("name: A\nmain: [x]", "A mapping is wanted here"),
        ("name: A\nmain: [{name: x, enabled: perhaps}]", "true or false is wanted here, not “perhaps”"),
        ("name: A\nmain: [{name: '?!'}]", "No key can be made of the name"),
        ("name: A\nmain: [{name: x, key: class}]", "A key is a Python name"),
        ("name: A\nmain: [{name: x, scope: station}]", "only plugs can belong to the station"),
        ("name: A\nmain: [{name: x, timeout: 0}]", "at least 1 ms"),
        ("name: A\nmain: [{name: x, timeout: 25h}]", "at most 24 h"),
        ("name: A\nmain: [{name: x, depends_on: [x]}]", "cannot wait for itself"),
        ("name: A\nmain: [{name: x}, {name: X}]", "There is another phase with the key “x”"),
        ("name: A\nmain: [{name: x, ui: {components: [{type: radio}]}}]", "A radio needs options"),
        ("name: A\nmain: [{name: x, ui: {components: [{type: slider, min: 5, max: 1}]}}]", "“min” is greater"),
        ("name: A\nmain: [{name: x, ui: {components: [{type: switch, bind: weather}]}}]", "can be bound to nothing"),
        ("name: A\nunit: {metadata: {'a b': {}}}\nmain: [{name: x}]", "1 to 40 letters"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, said: str) -> None:
    assert any(said in line for line in refusal(text))


def test_an_alias_of_aliases_does_not_fill_the_memory() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, before in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n"

    assert any("too much" in line for line in refusal(bomb))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "procedure.yml"
    assert find_file(tmp_path) is None
    file.write_bytes(b"name: A\nmain:\n  - name: \xff\xfe")
    assert find_file(tmp_path) == file

    for path, said in ((file, "3:1: The file is not UTF-8 text."), (tmp_path, "cannot be read")):
        with pytest.raises(ProcedureRefused, match=said):
            load(path)


@pytest.mark.parametrize(
    ("name", "key"),
    [("5 V rail", "_5_v_rail"), ("Prüfung Größe", "prufung_grosse"), ("A-b  c", "a_b_c"), ("LED (rot)!", "led_rot")],
)  # fmt: skip
def test_keys_are_derived_from_names(name: str, key: str) -> None:
    assert derive_key(name) == key


@given(st.text(max_size=90))
def test_a_derived_key_is_a_key_unless_nothing_is_left_of_the_name(name: str) -> None:
    key = derive_key(name)

    assert is_key(key) or key == "" or keyword.iskeyword(key)
    assert derive_key(key) == key


words = st.sampled_from(
    ["name", "main", "key", "A", "x", "unit", "plugs", "ui", "timeout", "[", "{", "5", "on", "~", ":"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from([*Procedure.model_fields]), values, max_size=10) | st.text())
def test_whatever_stands_in_it_is_a_procedure_or_a_list_of_problems(given_value: object) -> None:
    text = given_value if isinstance(given_value, str) else repr(given_value)
    try:
        told = load_text(text).warnings
    except ProcedureRefused as refused:
        told = refused.problems or pytest.fail("refused without a reason")
    assert all(problem.line >= 1 and problem.message for problem in told)
