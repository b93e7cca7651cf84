"""Where the sound of recordings may stand, one blob each: a folder, or a bucket of an S3-compatible store.

It is handed ciphertext and a name that says nothing, and never a key. A bucket cannot promise to erase:
what is removed here has lost its key before.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from cloud_stub.config import StorageSection
from cloud_stub.errors import ConfigError, NotTaken, StorageError
from cloud_stub.private_files import private_directory, sync_directory, write_private

CONNECT_S, READ_S, TRIES = 3, 10, 1
"""An errand is tried again anyway; and of several tries nobody would know what the first ones did."""

GONE = frozenset({"NoSuchKey", "404"})
NO_VERSIONS = frozenset({"NotImplemented", "MethodNotAllowed"})
"""What stores say that keep one version only."""


class Blobs(Protocol):
    """Contents by name. Every method raises StorageError, of one line, when the store says no or nothing.

    where: which store it is, to tell it from another.
    """

    where: str

    def put(self, name: str, content: bytes) -> None:
        """Keep a content, durably, instead of whatever is there. Raises NotTaken where nothing of it can be
        there now.
        """

    def get(self, name: str) -> bytes | None:
        """The content, or None."""

    def remove(self, name: str) -> None:
        """Delete it, every version of it. Twice is harmless."""


class Folder:
    """Files of mode 0600 in a folder of mode 0700. Raises KeyFileError when it cannot be made."""

    where = "file"

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._directory = directory

    def put(self, name: str, content: bytes) -> None:
        """See Blobs."""
        with self._in_one_line(name):
            write_private(self._directory / name, content)

    def get(self, name: str) -> bytes | None:
        """See Blobs."""
        with self._in_one_line(name):
            try:
                return (self._directory / name).read_bytes()
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """See Blobs. Zeros are written over it first; a draft that a power cut left goes as well."""
        with self._in_one_line(name):
            for path in (self._directory / name, self._directory / f"{name}.new"):
                if path.exists():
                    _overwrite(path)
                    path.unlink()
            sync_directory(self._directory)

    @contextmanager
    def _in_one_line(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = self._directory / name
            raise StorageError(f"{where}: {error.strerror}; make room, or check the folder") from error


class Bucket:
    """Objects in a bucket, below a prefix. Credentials are found by boto3's own rules, never in settings.

    endpoint: "" for Amazon's.

    Raises:
        ConfigError: boto3 is not installed, or the endpoint is none.
    """

    def __init__(self, bucket: str, prefix: str, endpoint: str) -> None:
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import (
                BotoCoreError,
                ClientError,
                ConnectTimeoutError,
                EndpointConnectionError,
                NoCredentialsError,
            )
        except ImportError as error:
            what = "[storage] blobs: a bucket needs an extra; run: scripts/setup .venv cloud,cluster"
            raise ConfigError(what) from error
        retries = {"total_max_attempts": TRIES, "mode": "standard"}
        patience = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
        self._errors: tuple[type[Exception], ...] = (BotoCoreError, ClientError)
        self._says_no: type[Exception] = ClientError
        self._not_reached = (EndpointConnectionError, ConnectTimeoutError, NoCredentialsError)
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self.where = f"s3://{bucket}/{self._prefix} {endpoint.rstrip('/')}".rstrip()
        with self._in_one_line():
            session = boto3.session.Session()
            try:
                self._s3: Any = session.client("s3", endpoint_url=endpoint or None, config=patience)
            except ValueError as error:
                if isinstance(error, BotoCoreError):  # of a region that is none, from the environment
                    raise
                what = f'[storage] s3_endpoint: {error}; write "https://host", or "" for Amazon\'s'
                raise ConfigError(what) from error

    def put(self, name: str, content: bytes) -> None:
        """See Blobs."""
        try:
            with self._in_one_line():
                self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)
        except StorageError as error:
            if self._took_nothing(error.__cause__):
                raise NotTaken(str(error)) from error
            raise

    def _took_nothing(self, error: BaseException | None) -> bool:
        """Whether it was said no to, or nobody was reached. Of one try: see TRIES."""
        if isinstance(error, self._says_no):
            status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]  # type: ignore[attr-defined]  # botocore's, untyped
            return 400 <= status < 500
        return isinstance(error, self._not_reached)

    def get(self, name: str) -> bytes | None:
        """See Blobs."""
        with self._in_one_line():
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)
            except self._says_no as error:
                if _code(error) in GONE:
                    return None
                raise
            return bytes(found["Body"].read())

    def remove(self, name: str) -> None:
        """See Blobs."""
        key = self._prefix + name
        with self._in_one_line():
            for version in self._versions(key):
                self._s3.delete_object(Bucket=self._bucket, Key=key, **version)

    def _versions(self, key: str) -> list[dict[str, str]]:
        """All versions and marks of deletion, as arguments; a store that has none is asked for the object."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        try:
            every = [
                each for page in pages for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
        except self._says_no as error:
            if _code(error) in NO_VERSIONS:
                return [{}]
            raise
        return [{"VersionId": each["VersionId"]} for each in every if each["Key"] == key]

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            said = " ".join(str(error).split())
            raise StorageError(
                f"s3://{self._bucket}: {said}; check [storage] blobs, s3_endpoint and the credentials"
            ) from error


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def open_blobs(storage: StorageSection) -> Blobs | None:
    """Where [storage] blobs says; None for where everything else is. Raises ConfigError, KeyFileError."""
    if not storage.blobs:
        return None
    if storage.blobs == "file":
        return Folder(storage.vault / "blobs")
    parts, endpoint = _split(storage.blobs), _split(storage.s3_endpoint)
    if parts is None or parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
        raise ConfigError(
            '[storage] blobs: write "", "file" or "s3://bucket/prefix", and credentials where boto3 looks'
        )
    if endpoint is None or endpoint.scheme not in ("", "http", "https") or "@" in endpoint.netloc:
        raise ConfigError(
            '[storage] s3_endpoint: write "https://host", or "" for Amazon\'s; credentials where boto3 looks'
        )
    return Bucket(parts.netloc, parts.path.strip("/"), storage.s3_endpoint)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
