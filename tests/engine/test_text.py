"""What a script may say, made fit for databases and file systems."""

from __future__ import annotations

import pytest

from station.text import clean, file_name


def test_nul_and_half_characters_are_replaced_wherever_they_stand():
    given = {"a\0": ["x\0y", {"b": "\ud800"}], "n": 1}

    assert clean(given) == {"a\ufffd": ["x\ufffdy", {"b": "\ufffd"}], "n": 1}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("curve.csv", "curve.csv"),
        ("Messwert 👩\u200d💻.txt", "Messwert 👩\u200d💻.txt"),
        ("a\nb\0.txt", "a\nb.txt"),
        ("  ", "attachment"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_files_name_is_one_that_a_portal_takes(name, kept):
    assert file_name(name).replace("\n", "") == kept.replace("\n", "")
