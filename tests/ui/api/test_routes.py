"""Each route, for jobs in every state; whose a job is not, it is not there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from inference.core.errors import FaultCode
from inference.core.events import Cancelled, Event, Failed, Finished, Stage, StageName, Step, Window
from inference.core.report import Aspect, Finding, Report, Verdict
from inference.jobs.store import State
from inference.storage.publication import Publication, write_publication
from tests.support.api_client import Server, bearer, error
from tests.support.played_jobs import PLANS
from tests.support.scripted_engine import result
from ui.api import view

MADE = Finished(result(PLANS["draft"]))
FAILED = Failed(FaultCode.OUT_OF_MEMORY, "The GPU ran out of memory. Try again.", "Traceback ...")
VIDEO = bytes(range(256)) * 40
ACTIONS = [
    ("GET", ""),
    ("DELETE", ""),
    ("GET", "/events"),
    ("GET", "/result"),
    ("GET", "/report"),
    ("POST", "/cancel"),
    ("POST", "/resume"),
]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path, queue_per_person=2)


@pytest.fixture
def client(server: Server) -> TestClient:
    return server.client()


def url(folder: Path, action: str = "") -> str:
    return f"/api/jobs/{folder.name}{action}"


def filmed(server: Server, *events: Event) -> Path:
    """A job with a video."""
    folder = server.job(*events)
    (folder / "result.mp4").write_bytes(VIDEO)
    return folder


def test_a_waiting_job_says_its_place_and_its_plan(server: Server, client: TestClient) -> None:
    first, second = server.job(), server.job()
    seen = client.get(url(second)).json()
    assert (seen["id"], seen["state"]) == (second.name, "queued")
    assert seen["permission"] == "not-stated"
    assert seen["progress"]["place"] == 2 and seen["progress"]["stage"] == "queued"
    assert seen["plan"] == json.loads((second / "plan.json").read_text())
    assert seen["result"] is seen["error"] is seen["verdict"] is seen["link"] is None
    assert {job["id"] for job in client.get("/api/jobs").json()["jobs"]} == {
        first.name,
        second.name,
    }
    for action, address in seen["links"].items():
        assert address == url(second, "" if action == "self" else f"/{action}")


def test_a_finished_job_gives_its_facts_and_its_verdict(server: Server, client: TestClient) -> None:
    folder = filmed(server, MADE)
    assert error(client.get(url(folder, "/report"))) == (409, "no_report")
    findings = (Finding(Aspect.LENGTH, Verdict.PASS, "As planned."),)
    (folder / "report.json").write_bytes(Report(101, 4.04, findings).to_json())
    until = datetime.now(UTC) + timedelta(days=1)
    write_publication(folder, Publication("bucket", url="https://b.test/v.mp4", expires=until))
    seen = client.get(url(folder)).json()
    assert (seen["state"], seen["progress"]["share"], seen["verdict"]) == ("finished", 1.0, "pass")
    assert seen["result"]["frames"] == 101 and "path" not in seen["result"]
    assert seen["link"]["url"] == "https://b.test/v.mp4"
    assert seen["link"]["expires"] == f"{until:%Y-%m-%dT%H:%M:%S}Z"
    assert client.get(url(folder, "/report")).json()["findings"][0]["aspect"] == "length"


def test_the_video_is_given_whole_and_by_ranges(server: Server, client: TestClient) -> None:
    folder = filmed(server, MADE)
    whole = client.get(url(folder, "/result"))
    assert (whole.status_code, whole.content) == (200, VIDEO)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "no-store"
    part = client.get(url(folder, "/result"), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, VIDEO[100:200])
    assert client.head(url(folder, "/result")).headers["content-length"] == str(len(VIDEO))


def test_of_a_cancelled_job_there_is_what_was_finished(server: Server, client: TestClient) -> None:
    kept, nothing = filmed(server, Cancelled(57, "result.mp4")), server.job(Cancelled(0))
    assert client.get(url(kept)).json()["kept_frames"] == 57
    assert client.get(url(kept, "/result")).content == VIDEO
    assert error(client.get(url(nothing, "/result"))) == (409, "no_video")


def test_of_a_job_that_waits_or_failed_there_is_nothing(server: Server, client: TestClient) -> None:
    waits, failed, interrupted = server.job(), server.job(FAILED), server.job(Step(1, 9, 0, 2))
    for what in ("video", "report"):
        action = {"video": "/result", "report": "/report"}[what]
        assert error(client.get(url(waits, action))) == (409, "not_finished")
        assert error(client.get(url(failed, action))) == (409, f"no_{what}")
    seen = client.get(url(failed)).json()
    assert seen["error"] == {"code": "out_of_memory", "message": FAILED.message}
    assert client.get(url(interrupted)).json()["error"]["code"] == "interrupted"


def test_a_job_is_cancelled_resumed_and_deleted(server: Server, client: TestClient) -> None:
    folder = server.job()
    for _ in range(2):
        assert client.post(url(folder, "/cancel")).json()["state"] == "cancelled"
    for _ in range(2):
        assert client.post(url(folder, "/resume")).json()["state"] == "queued"
    assert client.delete(url(folder)).status_code == 204
    assert not folder.exists() and server.left() == []
    assert error(client.delete(url(folder))) == (404, "not_found")


def test_what_can_not_be_resumed_is_said(server: Server, client: TestClient) -> None:
    assert error(client.post(url(filmed(server, MADE), "/resume"))) == (409, "finished")
    stopped = server.job(Cancelled(0))
    server.job(), server.job()
    refused = client.post(url(stopped, "/resume"))
    assert error(refused) == (429, "queue_full") and int(refused.headers["retry-after"])
    assert server.jobs.read_state(stopped) is State.CANCELLED


@pytest.mark.parametrize(("method", "action"), ACTIONS)
def test_whose_it_is_not_it_is_not_there(
    server: Server, client: TestClient, method: str, action: str
) -> None:
    theirs = server.job(owner="b" * 64)
    other = Server(server.settings.data, "another-token").client(bearer("another-token"))
    mine = server.job()
    for asks, job in [(client, theirs), (other, theirs), (other, mine)]:
        assert error(asks.request(method, url(job, action))) == (404, "not_found")
    for job_id in ("0" * 32, "x", "..%2f" + mine.name, "%00"):
        answer = client.request(method, f"/api/jobs/{job_id}{action}")
        assert error(answer) == (404, "not_found")
    assert client.get("/api/jobs").json()["jobs"][0]["id"] == mine.name
    assert other.get("/api/jobs").json() == {"jobs": []}
    assert theirs.is_dir() and server.jobs.read_state(mine) is State.QUEUED


def test_what_is_no_route_is_said(client: TestClient) -> None:
    assert error(client.get("/api/anything")) == (404, "not_found")
    refused = client.put("/api/jobs")
    assert error(refused) == (405, "bad_method") and "allow" in refused.headers


def test_the_events_so_far_are_a_list(server: Server, client: TestClient) -> None:
    happened: list[Event] = [
        Stage(StageName.DRAWING, "Drawing"),
        Window(0, "windows/000.mp4", 57),
        FAILED,
    ]
    folder = server.job(*happened)
    events = client.get(url(folder, "/events?stream=0")).json()["events"]
    assert [event["type"] for event in events] == ["stage", "stage", "window", "failed"]
    assert "details" not in events[-1] and events[-1]["message"] == FAILED.message
    asks_json = {"Accept": "application/json"}
    later = client.get(url(folder, "/events?after=1"), headers=asks_json).json()["events"]
    assert later == events[2:]
    assert error(client.get(url(folder, "/events?after=x"))) == (400, "bad_option")


def test_what_is_not_foreseen_is_one_sentence(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(view, "see", breaks)
    client = TestClient(server.client().app, headers=bearer(), raise_server_exceptions=False)
    answer = client.get(url(server.job()))
    assert error(answer) == (500, "internal") and "secret" not in answer.text


@pytest.mark.parametrize("name", ["plan.json", "request.json", "events.jsonl", "submitted"])
def test_a_damaged_job_says_so_and_hides_no_other(
    server: Server, client: TestClient, name: str
) -> None:
    damaged, sound = server.job(), server.job()
    (damaged / name).write_bytes(b"\xff")
    jobs = {job["id"]: job for job in client.get("/api/jobs").json()["jobs"]}
    assert set(jobs) == {damaged.name, sound.name} and jobs[sound.name]["plan"]
    seen = client.get(f"/api/jobs/{damaged.name}").json()
    assert (seen["permission"] is None) == (name == "request.json")
    if name == "plan.json":
        assert seen["plan"] is None and seen["error"]["code"] == "unreadable"
    assert client.get(f"/api/jobs/{damaged.name}/events?stream=0").status_code == 200
    assert client.delete(f"/api/jobs/{damaged.name}").status_code == 204
