"""Attachments in S3-compatible storage: against a server of its own process, over HTTP (moto's)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from portal import migrations, storage_s3
from portal.settings import Settings, load_settings
from portal.storage import open_store
from portal.storage_s3 import BucketStore
from tests.api.clients import OLDEST, Client
from tests.api.test_attachments import Fresh, announce, new_run, uploaded
from tests.cast import record
from tests.core.conftest import Api, serving
from tests.e2e.programs import free_port
from tests.waiting import eventually

BUCKET, PREFIX = "plant-files", "stationmaster/"
CONTENT = os.urandom(300_000)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """The server."""
    port = free_port()
    words = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: _answers(port), within_s=30)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def bucket(s3_url: str) -> Any:
    """What is in the bucket, looked at from outside."""
    resource = boto3.resource(
        "s3", endpoint_url=s3_url, aws_access_key_id="a", aws_secret_access_key="s", region_name="us-east-1"
    )
    return resource.create_bucket(Bucket=BUCKET)


@pytest.fixture(scope="module")
def s3_settings(s3_url: str, bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tmp_path_factory.mktemp("portal"), s3_url)


@pytest.fixture(scope="module")
def api(s3_settings: Settings) -> Iterator[Api]:
    migrations.upgrade(s3_settings)
    with serving(s3_settings) as client:
        yield client


def settings_for(folder: Path, url: str, bucket: str = BUCKET, **more: Any) -> Settings:
    return load_settings(
        data_dir=folder, s3_bucket=bucket, s3_endpoint_url=url, s3_region="us-east-1", s3_access_key="a",
        s3_secret_key="s", s3_prefix=PREFIX, **more,
    )  # fmt: skip


def test_files_are_in_the_bucket_and_nowhere_else(
    connect: Callable[[str], Client], api: Api, bucket: Any, fresh: Fresh, tmp_path: Path
) -> None:
    client, run_id = connect("bench"), new_run(api, fresh)
    made = client.attachments.initialize(name="a.bin")
    (tmp_path / "b.bin").write_bytes(CONTENT)

    put = httpx.put(made.upload_url, content=CONTENT)
    found = httpx.get(client.attachments.finalize(id=made.id).url)

    assert (put.status_code, found.content) == (200, CONTENT)
    assert bucket.Object(f"{PREFIX}{made.id}").get()["Body"].read() == CONTENT
    assert not (api.database.settings.data_dir / "attachments").exists()
    if client.version != OLDEST:
        client.runs.attachments.upload(run_id, tmp_path / "b.bin")
        assert httpx.get(client.runs.get(id=run_id).attachments[0].download_url).content == CONTENT


def test_ranges_come_out_of_the_bucket(api: Api) -> None:
    address = uploaded(api, CONTENT)

    part = httpx.get(address, headers={"Range": "bytes=1000-1999"})
    behind = httpx.get(address, headers={"Range": "bytes=300000-"})
    empty = httpx.get(uploaded(api, b""))

    assert (part.status_code, part.content) == (206, CONTENT[1000:2000])
    assert (behind.status_code, httpx.head(address).headers["Content-Length"]) == (416, "300000")
    assert (empty.status_code, empty.content) == (200, b"")


def test_a_large_file_goes_in_parts_and_a_broken_one_leaves_nothing(s3_settings: Settings, bucket: Any) -> None:
    store = BucketStore(s3_settings)
    content = os.urandom(storage_s3.PART * 2 + 12_345)

    class Source:
        def __init__(self, breaks_at: int) -> None:
            self.place, self.breaks_at = 0, breaks_at

        def read(self, size: int = -1, /) -> bytes:
            if self.place >= self.breaks_at:
                raise ConnectionResetError
            piece = content[self.place : self.place + size]
            self.place += len(piece)
            return piece

    store.write("whole", Source(10**9))
    store.keep("whole", "large")
    with pytest.raises(ConnectionResetError):
        store.write("broken", Source(storage_s3.PART + 1))

    assert store.open("large", 0, len(content)).read() == content
    names = {one.key for one in bucket.objects.filter(Prefix=PREFIX)}
    assert f"{PREFIX}large" in names
    assert not [name for name in names if "drafts/" in name]
    assert list(bucket.multipart_uploads.all()) == []


def test_a_file_that_is_removed_is_gone_and_old_drafts_are_swept(api: Api, bucket: Any, s3_settings: Settings) -> None:
    made = announce(api)
    httpx.put(made["upload_url"], content=b"x")
    bucket.put_object(Key=f"{PREFIX}drafts/left", Body=b"x")
    bucket.Object(f"{PREFIX}drafts/parts").initiate_multipart_upload()

    assert api.call("bench", "DELETE", f"/api/v2/attachments?ids={made['id']}").status_code == 200
    open_store(s3_settings).sweep(datetime.now(UTC) - timedelta(days=1))
    kept = {one.key for one in bucket.objects.filter(Prefix=f"{PREFIX}drafts/")}
    open_store(s3_settings).sweep(datetime.now(UTC) + timedelta(days=1))

    assert kept == {f"{PREFIX}drafts/left"}
    assert not list(bucket.objects.filter(Prefix=f"{PREFIX}drafts/"))
    assert list(bucket.multipart_uploads.all()) == []
    assert not list(bucket.objects.filter(Prefix=f"{PREFIX}{made['id']}"))


def test_what_is_not_there_is_not_found(api: Api, bucket: Any) -> None:
    address = uploaded(api, b"x")
    for one in bucket.objects.filter(Prefix=PREFIX):
        one.delete()

    assert httpx.get(address).status_code == 404


@pytest.mark.parametrize(("name", "why"), [("no-such-bucket", "there is no such bucket"), (BUCKET, "nothing answers")])
def test_storage_that_cannot_be_used_is_one_sentence(
    s3_url: str, bucket: Any, tmp_path: Path, name: str, why: str
) -> None:
    address = s3_url if name != BUCKET else f"http://127.0.0.1:{free_port()}"
    settings = settings_for(tmp_path, address, name)
    migrations.upgrade(settings)

    with serving(settings) as api:
        refused = api.call("dev", "POST", "/api/v2/attachments", json={"name": "a.bin"})
        run_id = api.post_run("bench", record(api.cast)).json()["id"]
        made = api.call("bench", "POST", f"/api/v2/runs/{run_id}/attachments", json={"name": "a.bin"}).json()
        put = httpx.put(made["upload_url"], content=b"x", timeout=30)

    for answer in (refused, put):
        assert (answer.status_code, answer.json()["code"]) == (502, "BAD_GATEWAY")
        assert answer.json()["message"] == f"The file storage, bucket '{name}' at {address}, cannot be used: {why}" + (
            " there." if name == BUCKET else "."
        )


def test_the_portal_does_not_start_without_its_storage(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ, "STATIONMASTER_S3_BUCKET": BUCKET, "STATIONMASTER_S3_ENDPOINT_URL": address,
        "STATIONMASTER_S3_REGION": "us-east-1", "STATIONMASTER_S3_ACCESS_KEY_FILE": str(tmp_path / "key"),
        "STATIONMASTER_S3_SECRET_KEY": "s",
    }  # fmt: skip
    (tmp_path / "key").write_text("a\n")

    words = [sys.executable, "-m", "stationmaster", "portal", "serve", "--port", "0", "--data-dir", str(tmp_path / "d")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode != 0
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert f"bucket '{BUCKET}' at {address}, cannot be used: nothing answers there." in last
    assert "Traceback" not in done.stderr


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
