"""What a bench installs from: the scripts, the program's own wheel, and the index that lists it."""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import subprocess
import zipfile
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import web
from portal.own_wheel import own_wheel


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    return app.test_client()


def test_the_wheel_is_whole_and_the_same_each_time() -> None:
    first = own_wheel()
    own_wheel.cache_clear()

    assert own_wheel() == first
    with zipfile.ZipFile(io.BytesIO(first.content)) as wheel:
        names = set(wheel.namelist())
        info = first.name.removesuffix("-py3-none-any.whl") + ".dist-info"
        listed = {line.split(",")[0] for line in wheel.read(f"{info}/RECORD").decode().splitlines()}
    assert listed == names
    assert names >= {"station/cli.py", "stationmaster/share/templates/install/install.sh", f"{info}/entry_points.txt"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_the_index_leads_to_the_wheel_with_its_hash(anybody: FlaskClient) -> None:
    link = re.search(r'href="(/dist/[^#"]+)#sha256=([0-9a-f]{64})"', anybody.get("/dist/").text)
    assert link

    answer = anybody.get(link[1])

    assert hashlib.sha256(answer.data).hexdigest() == link[2]
    assert anybody.get(link[1], headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert anybody.get("/dist/stationmaster-0.0.0-py3-none-any.whl").status_code == 404


@pytest.mark.parametrize("path", ["/install", "/install.ps1"])
def test_a_script_names_the_portal_and_the_wheel(anybody: FlaskClient, path: str) -> None:
    answer = anybody.get(path, headers={"Host": "portal.plant:8000"})

    assert answer.mimetype in ("text/x-shellscript", "text/plain")
    assert "http://portal.plant:8000" in answer.text
    assert not re.search(r"'@[A-Z0-9]+@'", answer.text)
    assert anybody.get(path, headers={"Host": "portal.plant:8000", "If-None-Match": answer.headers["ETag"]}).data == b""
    assert anybody.get(path, headers={"Host": "x';touch /tmp/x;'"}).status_code == 400
    assert "touch" not in anybody.get(f"{path}?portal=';touch x;'").text


def test_the_public_address_is_text_for_the_shell(app: Flask, anybody: FlaskClient) -> None:
    parts = web.portal(app)
    address = "https://portal.plant/it's $(touch x) `touch y`"
    app.extensions["stationmaster"] = replace(parts, settings=parts.settings.model_copy(update={"public_url": address}))

    script = anybody.get("/install").text

    assert f"portal={shlex.quote(address)}\n" in script
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert "'https://portal.plant/it''s $(touch x) `touch y`'" in anybody.get("/install.ps1").text


def test_a_script_that_was_cut_off_does_nothing(anybody: FlaskClient, tmp_path) -> None:
    script = anybody.get("/install").text.encode()

    for length in (
        *range(0, len(script) - 2, 997),
        len(script) - 2,
        len(script) - 3,
        len(script) - 10,
        len(script) - 15,
    ):
        words = ["sh", "-s", "--", "--prefix", str(tmp_path / "made"), "--token", "t"]
        done = subprocess.run(words, input=script[:length], capture_output=True, check=False)
        assert done.stdout == b"", length
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--token",), "--token needs a value"),
        (("--tokn", "x"), "There is no option --tokn"),
        (("--wheels", "/nowhere"), "There is no folder of wheels /nowhere"),
        (("--ca-cert", "/nowhere.pem"), "The CA certificate /nowhere.pem cannot be read"),
        (("--portal", "portal.plant"), "portal.plant is not a portal's address"),
        ((), "A setup token is needed"),
        (("--uninstall",), "There is no program of this installer"),
    ],
)
def test_the_installer_refuses_with_one_sentence(
    anybody: FlaskClient, tmp_path, words: tuple[str, ...], said: str
) -> None:
    places = ("--home", str(tmp_path / "home"), "--prefix", str(tmp_path / "program"))
    done = subprocess.run(
        ["sh", "-s", "--", *places, *words],
        input=anybody.get("/install").text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"stationmaster: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "program").exists()


def test_a_wheel_that_is_not_the_announced_one_is_refused(anybody: FlaskClient, tmp_path) -> None:
    served = tmp_path / "portal"
    (served / "dist").mkdir(parents=True)
    (served / "dist" / own_wheel().name).write_bytes(own_wheel().content + b"more")
    program = ["python3", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(served)]
    with subprocess.Popen(["env", "PYTHONUNBUFFERED=1", *program], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
            assert address
            words = ["sh", "-s", "--", "--portal", address[0], "--token", "t", "--prefix", str(tmp_path / "program")]
            done = subprocess.run(
                words, input=anybody.get("/install").text, capture_output=True, text=True, check=False
            )
        finally:
            server.kill()

    assert "is not what the script announced (its SHA-256 differs)" in done.stderr
    assert done.returncode == 1
    assert not (tmp_path / "program").exists()
