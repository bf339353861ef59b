"""Attachments in a bucket of S3-compatible storage. Needs the extra ``s3``.

Bytes go through the portal, not around it: only so are they measured before anybody can read them, and no browser
needs an address of the bucket. They are never on this machine's disk: a file is sent on in parts as it comes in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

import structlog

from portal.errors import BadGateway
from portal.settings import BadSetting, Settings
from portal.storage import Opened, Readable

PART = 8 * 1024 * 1024  # S3 wants parts of 5 MB at least
MOST_PARTS = 10_000
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 5, 30, 3

log = structlog.get_logger(__name__)


class BucketStore:
    """Objects ``<prefix><id>``, drafts of them ``<prefix>drafts/<id>``. Nothing is contacted before it is needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket = str(settings.s3_bucket)
        self._part = max(PART, -(-settings.max_attachment_bytes // MOST_PARTS))

    def write(self, draft: str, stream: Readable) -> None:
        """See `BlobStore`. In one request where one part holds it, else in parts that become an object at the end."""
        key = self._draft(draft)
        first = _filled(stream, self._part)
        if len(first) < self._part:
            with self._reached():
                self._client.put_object(Bucket=self._bucket, Key=key, Body=first)
            return
        with self._reached():
            upload = self._client.create_multipart_upload(Bucket=self._bucket, Key=key)
        place = {"Bucket": self._bucket, "Key": key, "UploadId": upload["UploadId"]}
        try:
            parts = self._write_parts(place, first, stream)
            with self._reached():
                self._client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        except BaseException:
            with self._given_up():
                self._client.abort_multipart_upload(**place)
            raise

    def _write_parts(self, place: dict[str, str], first: bytes, stream: Readable) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        piece = first
        while piece:
            with self._reached():
                done = self._client.upload_part(**place, PartNumber=len(parts) + 1, Body=piece)
            parts.append({"PartNumber": len(parts) + 1, "ETag": done["ETag"]})
            piece = _filled(stream, self._part)
        return parts

    def keep(self, draft: str, name: str) -> None:
        """See `BlobStore`. The storage copies it by itself; a draft that stays is swept later."""
        with self._reached():
            source = {"Bucket": self._bucket, "Key": self._draft(draft)}
            self._client.copy(source, self._bucket, self._key(name))
        self.drop(draft)

    def drop(self, draft: str) -> None:
        """See `BlobStore`. Says nothing when it fails: whoever drops a draft has something else to say."""
        with self._given_up():
            self._client.delete_object(Bucket=self._bucket, Key=self._draft(draft))

    def open(self, name: str, start: int, length: int) -> Opened:
        """See `BlobStore`."""
        wanted = {"Range": f"bytes={start}-{start + length - 1}"} if length else {}
        with self._reached():
            found = self._client.get_object(Bucket=self._bucket, Key=self._key(name), **wanted)
        body: Opened = found["Body"]
        return body

    def delete(self, name: str) -> None:
        """See `BlobStore`."""
        with self._reached():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def sweep(self, before: datetime) -> None:
        """See `BlobStore`; uploads in parts that were left open too, which cost money and are in no list of objects."""
        where = {"Bucket": self._bucket, "Prefix": self._draft("")}
        with self._reached():
            for page in self._client.get_paginator("list_objects_v2").paginate(**where):
                for one in page.get("Contents", ()):
                    if one["LastModified"] < before:
                        self._client.delete_object(Bucket=self._bucket, Key=one["Key"])
            for page in self._client.get_paginator("list_multipart_uploads").paginate(**where):
                for one in page.get("Uploads", ()):
                    if one["Initiated"] < before:
                        left = {"Key": one["Key"], "UploadId": one["UploadId"]}
                        self._client.abort_multipart_upload(Bucket=self._bucket, **left)

    def check(self) -> None:
        """See `BlobStore`."""
        with self._reached():
            self._client.head_bucket(Bucket=self._bucket)

    @cached_property
    def _client(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise BadSetting(
                "STATIONMASTER_S3_BUCKET needs a library that is not installed: pip install 'stationmaster[s3]'"
            ) from None
        own = self._settings
        return boto3.session.Session().client(
            "s3",
            endpoint_url=own.s3_endpoint_url,
            region_name=own.s3_region,
            aws_access_key_id=own.s3_access_key or None,
            aws_secret_access_key=own.s3_secret_key or None,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                # Storage other than Amazon's often has no host name for each bucket, and not its newer checksums.
                s3={"addressing_style": "path" if own.s3_endpoint_url else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """The storage's refusals in words: FileNotFoundError, or `BadGateway` that names the bucket and why."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "NoSuchKey":
                raise FileNotFoundError(code) from error
            raise self._unreachable(_WORDS.get(code, f"it answers {code}")) from error
        except (BotoCoreError, Boto3Error) as error:
            raise self._unreachable(_WORDS.get(type(error).__name__, type(error).__name__)) from error

    @contextlib.contextmanager
    def _given_up(self) -> Iterator[None]:
        """For cleaning up after something: what fails is logged."""
        try:
            with self._reached():
                yield
        except (BadGateway, FileNotFoundError) as error:
            log.warning("draft_not_dropped", error=str(error))

    def _unreachable(self, why: str) -> BadGateway:
        at = f" at {self._settings.s3_endpoint_url}" if self._settings.s3_endpoint_url else ""
        return BadGateway(f"The file storage, bucket {self._bucket!r}{at}, cannot be used: {why}.")

    def _draft(self, draft: str) -> str:
        return self._key(f"drafts/{draft}")

    def _key(self, name: str) -> str:
        return f"{self._settings.s3_prefix}{name}"


_WORDS = {
    "404": "there is no such bucket",
    "NoSuchBucket": "there is no such bucket",
    "403": "its keys are not accepted",
    "AccessDenied": "its keys are not accepted",
    "InvalidAccessKeyId": "its keys are not accepted",
    "SignatureDoesNotMatch": "its keys are not accepted",
    "NoCredentialsError": "no keys are set",
    "PartialCredentialsError": "only one of its two keys is set",
    "EndpointConnectionError": "nothing answers there",
    "ConnectTimeoutError": "nothing answers there in time",
    "ReadTimeoutError": "it does not answer in time",
    "ConnectionClosedError": "it closes the connection",
    "NoRegionError": "no region is set",
}


def _filled(stream: Readable, size: int) -> bytes:
    """The next ``size`` bytes; fewer only at the end, which has then been seen."""
    found = bytearray()
    while len(found) < size and (piece := stream.read(size - len(found))):
        found += piece
    return bytes(found)
