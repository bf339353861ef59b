from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from portal.settings import PREFIX, BadSetting, Settings, load_settings

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(STATIONMASTER_\w+)` \| ([^|]+) \|", DOCUMENTATION.read_text(), re.MULTILINE))

    assert set(rows) == {PREFIX + name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default_factory is None and field.default not in (None, ""):
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert rows[PREFIX + name.upper()].strip().strip("`") == default


def test_the_environment_sets_and_what_is_given_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATIONMASTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STATIONMASTER_PORT", "8123")

    assert (load_settings().port, load_settings().data_dir) == (8123, tmp_path)
    assert load_settings(port=9000, host=None).port == 9000


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda: keys.append(load_settings(data_dir=tmp_path).secret_key)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 32
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_secrets_come_from_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from a file that is long enough\n")
    monkeypatch.setenv("STATIONMASTER_SECRET_KEY_FILE", str(tmp_path / "key"))

    assert load_settings(data_dir=tmp_path).secret_key == "from a file that is long enough"

    monkeypatch.setenv("STATIONMASTER_SECRET_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(BadSetting, match="STATIONMASTER_SECRET_KEY_FILE"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "high"),
        ("SYNC", "maybe"),
        ("HEARTBEAT_S", "0"),
        ("DATABASE_URL", "garbage"),
        ("DATABASE_URL", "postgresql://[::1/none"),
        ("DATABASE_URL", "mysql://user@host/name"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(BadSetting, match=f"^{PREFIX}{name}: ") as refused:
        load_settings(data_dir=tmp_path)

    assert len(str(refused.value).splitlines()) == 1


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(data_dir=tmp_path).port = 1
