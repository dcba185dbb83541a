"""Machines come and go as Modal's do: shown with Modal's client and runtime."""

import urllib.request
from http.client import HTTPResponse

import modal
import pytest

from tests.modal.sample_app import NAME
from tests.modal.standin.handle import StandIn
from tests.modal.trying import (
    APP,
    PATIENCE_S,
    client,
    desk,
    function,
    notes,
    running,
    runs,
    standin,
    until,
)

__all__ = ["client", "notes", "standin"]


def instance(client: modal.Client, name: str, **parameters: object) -> modal.cls.Obj:
    return modal.Cls.from_name(NAME, name, client=client)(**parameters)


def ask(standin: StandIn, path: str) -> HTTPResponse:
    """An answer of the web function, with the container's task in its header."""
    answer: HTTPResponse = urllib.request.urlopen(
        standin.request(NAME, "web", path), timeout=PATIENCE_S
    )
    return answer


def tasks(standin: StandIn, name: str, *, ending: bool) -> set[str]:
    """The function's containers which get no more inputs, or those that do."""
    found = standin.containers()
    return {c["task"] for c in found if c["function"] == name and c["ending"] == ending}


def test_a_gpu_comes_after_the_snapshot(standin: StandIn, client: modal.Client) -> None:
    """Who asks before sees none for good; one can be seen all the same, though not used."""
    calls = [instance(client, "Card", hasty=hasty).count.spawn() for hasty in (True, False)]
    assert [call.get(timeout=PATIENCE_S) for call in calls] == [0, 1]
    assert standin.blind() == ["Card.*"]
    assert "torch was asked for devices before there was a GPU" in standin.output()


def test_a_redeploy_leaves_the_old_machine_to_its_work(standin: StandIn, notes: modal.Dict) -> None:
    """One container at most is declared; two are there while the old one still streams."""
    with ask(standin, "/stream") as streamed:
        old = streamed.headers["Task"]
        assert streamed.readline() == b"0\n"
        assert standin.modal("deploy", APP).returncode == 0
        with ask(standin, "/") as answer:
            new = answer.headers["Task"]
        assert tasks(standin, "web", ending=True) == {old}
        assert tasks(standin, "web", ending=False) == {new} != {old}
        notes["stream go"] = True
        assert streamed.readline() == b"end\n"
    until(lambda: not tasks(standin, "web", ending=True))
    assert standin.modal("deploy", APP, "--strategy", "recreate").returncode == 0
    assert new not in {c["task"] for c in standin.containers()}


def test_a_preempted_machine_lives_while_another_does_its_work(
    standin: StandIn, client: modal.Client, notes: modal.Dict
) -> None:
    notes["twice hold"] = True
    call = function(client, "wait").spawn("twice")
    runs(notes, "twice", 1)
    old = running(standin, "wait")["task"]
    standin.preempt(old)
    runs(notes, "twice", 2)
    assert old in tasks(standin, "wait", ending=True)
    assert notes.pop("twice hold") and notes["twice interrupted"]
    notes["twice go"] = True
    answer = call.get(timeout=PATIENCE_S)
    assert answer["run"] == 2 and answer["task"] != old


def test_failed_starts_are_tried_again_and_paid_for(standin: StandIn, client: modal.Client) -> None:
    assert instance(client, "Frail", times=1).work.remote() == 2
    first = standin.failed_starts()["Frail.*"]
    assert first["count"] == 1 and first["seconds"] > 0 and first["dollars"] > 0
    with pytest.raises(OSError, match="it broke down"):
        instance(client, "Frail", times=9).work.remote()
    again = standin.failed_starts()["Frail.*"]
    assert again["count"] > first["count"] + 1 and again["dollars"] > first["dollars"]
    assert standin.runs("Frail.*") == 1


def test_a_machine_can_stop_taking_work(standin: StandIn, client: modal.Client) -> None:
    one = desk(client, "one")
    left = one.leave.remote()
    assert one.write.remote("left.txt", "") != left
    until(lambda: left not in {c["task"] for c in standin.containers()})
