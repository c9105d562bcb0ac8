"""An object store on loopback that can be harmed."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / each) for each in ("faults", "formats"))]

from object_store import BUCKET, SECRET, FaultyS3  # noqa: E402  (tests are not a package)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[FaultyS3]:
    """A bucket in moto, behind the proxy; s3fs finds it through the environment, with short times to wait."""
    pytest.importorskip("s3fs")
    server_of_moto = pytest.importorskip("moto.server")
    import fsspec

    server = server_of_moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    proxy = FaultyS3(server.get_host_and_port()[1])
    patch = pytest.MonkeyPatch()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
        patch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ENDPOINT_URL_S3": proxy.url,
        "AWS_MAX_ATTEMPTS": "3",
        "OMEZARR_STORE_PAUSE": "0.1",
    }.items():
        patch.setenv(name, value)
    patch.setattr("s3fs.S3FileSystem.retries", 3)
    patch.setattr("botocore.retryhandler.delay_exponential", lambda *_, **__: 0.02)  # seconds otherwise
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    patch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 1.0, "retries": {"max_attempts": 2}}})
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(BUCKET)
    yield proxy
    patch.undo()
    server.stop()


@pytest.fixture
def s3(s3_server: FaultyS3) -> Iterator[tuple[FaultyS3, str]]:
    """The store, unharmed, and an empty place in it."""
    s3_server.fault, s3_server.harmed, s3_server.seen = None, 0, 0
    yield s3_server, f"s3://{BUCKET}/{uuid.uuid4().hex}"
    s3_server.fault = None
