"""How tests try the sample app with Modal's client."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import modal
import pytest

from tests.modal.conftest import needs_root
from tests.modal.sample_app import NAME
from tests.modal.standin.handle import Running, StandIn

APP = "tests/modal/sample_app.py"
PATIENCE_S = 60


def runs(notes: modal.Dict, key: str, number: int) -> None:
    """Wait for that run of a call."""
    until(lambda: notes.get(key) == number)


def until(condition: Callable[[], Any]) -> Any:
    """What `condition` says once it says something."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the sample app deployed."""
    needs_root()
    secrets = {"known": {"WORD": "hidden"}}
    replaced = {"/root/baked.txt": "broken"}
    with StandIn(tmp_path_factory.mktemp("modal"), secrets=secrets, replaced=replaced) as standin:
        done = standin.modal("deploy", APP)
        assert done.returncode == 0, done.stdout + done.stderr
        yield standin


@pytest.fixture(scope="module")
def client(standin: StandIn) -> Iterator[modal.Client]:
    """Modal's client in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in standin.environment.items():
            patch.setenv(name, value)
        client = modal.Client.from_credentials("ak-test", "as-test")
        yield client
        client.close()


@pytest.fixture
def volume(client: modal.Client) -> modal.Volume:
    return modal.Volume.from_name("shared", client=client)


@pytest.fixture
def notes(client: modal.Client) -> modal.Dict:
    return modal.Dict.from_name("notes", create_if_missing=True, client=client)


def function(client: modal.Client, name: str) -> Any:
    return modal.Function.from_name(NAME, name, client=client)


def desk(client: modal.Client, name: str) -> Any:
    """Somebody with a view of the Volume of their own."""
    return modal.Cls.from_name(NAME, "Desk", client=client)(name=name)


def read(volume: modal.Volume, name: str) -> str | None:
    """What everybody else would see."""
    try:
        return b"".join(volume.read_file(name)).decode()
    except FileNotFoundError:
        return None


def running(standin: StandIn, name: str) -> Running:
    """The container of that function which has something to do."""

    def find() -> Running | None:
        found = standin.containers()
        return next((c for c in found if c["function"] == name and c["running"]), None)

    found: Running = until(find)
    return found
