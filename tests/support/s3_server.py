"""A real S3 server on this machine, SeaweedFS, for boto3 as it is; and a road to it that breaks.

It runs as a process of its own, on free ports of 127.0.0.1, as long as `running` is open.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

KEY_ID, SECRET = "TESTKEYTESTKEYTEST01", "a-secret-that-nobody-may-ever-read-0123456789"
_UP_S = 60.0  # a busy machine's; usually three
_LET = ["Admin", "Read", "Write", "List", "Tagging"]
_PORTS = ("master", "volume", "filer", "s3")


@dataclass
class S3:
    """The server at `address`."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads to use it."""
        return environment(self.address)

    @cached_property
    def client(self) -> Any:
        """A client on the straight road."""
        session = boto3.session.Session(KEY_ID, SECRET, region_name="us-east-1")
        return session.client("s3", endpoint_url=self.address)

    def keys(self, bucket: str, home: str) -> list[str]:
        """The objects in `bucket` whose keys begin with `home`, and those that are half there."""
        whole = self.client.list_objects_v2(Bucket=bucket, Prefix=home).get("Contents", [])
        half = self.client.list_multipart_uploads(Bucket=bucket, Prefix=home).get("Uploads", [])
        return sorted(item["Key"] for item in [*whole, *half])


def environment(address: str, secret: str = SECRET) -> dict[str, str]:
    """What boto3 reads to use a server at `address`, and nothing else of this machine's."""
    return {
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "no_proxy": "127.0.0.1",
    }


@contextmanager
def running(folder: Path) -> Iterator[S3]:
    """The server, up, with all it stores in `folder`."""
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
        "actions": _LET,
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = _free_ports(2 * len(_PORTS))
    given = []
    for name, port, grpc in zip(_PORTS, ports[::2], ports[1::2], strict=True):
        given += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
    command = [
        str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "server",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-s3",
        f"-s3.config={folder / 's3.json'}", "-s3.iam=false", "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=64", "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false", *given,
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        s3 = S3(f"http://127.0.0.1:{ports[-2]}")
        _await(s3, server)
        yield s3
    finally:
        server.kill()
        server.wait()


def _await(s3: S3, server: subprocess.Popen[bytes]) -> None:
    """Until a bucket can be made: the parts of the server come up one after the other."""
    deadline = time.monotonic() + _UP_S
    while True:
        assert server.poll() is None, "SeaweedFS ended; see its log"
        try:
            s3.client.create_bucket(Bucket="first")
            s3.client.put_object(Bucket="first", Key="first", Body=b"up")
            return
        except (BotoCoreError, ClientError):
            assert time.monotonic() < deadline, "SeaweedFS does not come up; see its log"
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Road:
    """A way to the server at `address` that carries no more than `cut` bytes on a connection: on
    the first one that would, or `always`. Counted are those to the server, or those `back`."""

    def __init__(self, address: str, cut: int, always: bool = False, back: bool = False) -> None:
        host, port = address.removeprefix("http://").split(":")
        self._target, self._cut = (host, int(port)), cut
        self._always, self._back = always, back
        self._lock, self.broken = threading.Lock(), 0
        self._ends, self._threads = list[socket.socket](), list[threading.Thread]()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._door)
        self._threads.pop(0).join()
        self._door.close()
        for end in self._ends:
            _end(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _start(self, work: Callable[..., None], *given: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=given))
        self._threads[-1].start()

    def _open(self) -> None:
        with suppress(OSError):  # the door is closed
            while True:
                here, _ = self._door.accept()
                there = socket.create_connection(self._target)
                self._ends += (here, there)
                self._start(self._carry, here, there, not self._back)
                self._start(self._carry, there, here, self._back)

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        carried = 0
        with suppress(OSError):  # the other direction came to its end
            while data := source.recv(1 << 16):
                carried += len(data)
                if counted and carried > self._cut and self._breaks():
                    break
                target.sendall(data)
        _end(source)
        _end(target)

    def _breaks(self) -> bool:
        with self._lock:
            if self.broken and not self._always:
                return False
            self.broken += 1
            return True


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
