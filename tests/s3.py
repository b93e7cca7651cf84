"""A server of the S3 protocol on this machine, asked over HTTP as any other would be."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from cloud_stub.blobs import Bucket

NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Store:
    """The server, which can be unplugged: what it holds is there again afterwards."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        self._server = ThreadedMotoServer("127.0.0.1", 0)
        self._server.start()
        host, self._port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{self._port}"
        quick = Config(retries={"total_max_attempts": 1})
        self.s3: Any = boto3.session.Session().client("s3", endpoint_url=self.endpoint, config=quick)

    def bucket(self, name: str, *, versions: bool = False) -> Bucket:
        """A new bucket, and ours to put things into below `sound/`."""
        self.s3.create_bucket(Bucket=name)
        if versions:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return Bucket(name, "sound", self.endpoint)

    def everything(self, name: str) -> dict[tuple[str, str], bytes]:
        """Every version of every object of a bucket, and every mark of a deletion (empty)."""
        found = {}
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in page.get("Versions", []):
                which = {"Bucket": name, "Key": each["Key"], "VersionId": each["VersionId"]}
                found[each["Key"], each["VersionId"]] = self.s3.get_object(**which)["Body"].read()
            found |= {(each["Key"], each["VersionId"]): b"" for each in page.get("DeleteMarkers", [])}
        return found

    def unplug(self) -> None:
        """Nobody answers there any more."""
        self._server.stop()

    def plug(self) -> None:
        """It answers again."""
        self._server = ThreadedMotoServer("127.0.0.1", self._port)
        self._server.start()


@contextmanager
def store() -> Iterator[Store]:
    """One that is stopped at the end."""
    with pytest.MonkeyPatch.context() as patch:
        made = Store(patch)
        try:
            yield made
        finally:
            made.unplug()
