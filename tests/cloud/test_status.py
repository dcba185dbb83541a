"""What is said about jobs between machines."""

from inference.cloud.status import StatusStore
from inference.core.events import Cancelled, Event, Frame, Stage, StageName, Step, Window
from inference.core.task import PREVIEW
from tests.support.local_cloud import MemoryDict

JOB, OTHER = "a" * 32, "b" * 32
LOADING = Stage(StageName.LOADING, "Loading")


def test_events_are_told_in_order_and_stay_few() -> None:
    store = MemoryDict()
    told = StatusStore(store).open_writer(JOB)
    told.append(LOADING)
    for number in range(1, 40):
        told.append(Frame(PREVIEW), preview=b"jpeg %d" % number)
        told.append(Step(number, 40, 0, 1))
    told.append(Window(0, "windows/000.mp4", 81))
    records = StatusStore(store).read_records(JOB)
    assert [record.event for record in records] == [
        LOADING,
        Frame(PREVIEW),
        Step(39, 40, 0, 1),
        Window(0, "windows/000.mp4", 81),
    ]
    assert [record.seq for record in records] == [0, 77, 78, 79]
    assert StatusStore(store).read_preview(JOB) == b"jpeg 39"


def test_who_listens_now_and_then_misses_no_stage_and_no_window() -> None:
    store = MemoryDict()
    told, seen = StatusStore(store).open_writer(JOB), -1
    heard: list[Event] = []
    events: list[Event] = [
        LOADING,
        Step(1, 2, 0, 2),
        Step(2, 2, 0, 2),
        Window(0, "a", 5),
        Cancelled(5, "b"),
    ]
    for number, event in enumerate(events):
        told.append(event)
        if number % 3 == 2 or number == len(events) - 1:
            new = [record for record in StatusStore(store).read_records(JOB) if record.seq > seen]
            heard, seen = heard + [record.event for record in new], new[-1].seq
    assert heard == [LOADING, Step(2, 2, 0, 2), Window(0, "a", 5), Cancelled(5, "b")]


def test_another_run_goes_on_with_the_numbers() -> None:
    store = MemoryDict()
    first = StatusStore(store).open_writer(JOB)
    assert not first.has_begun
    first.append(LOADING)
    first.append(Window(0, "a", 5))
    second = StatusStore(store).open_writer(JOB)
    assert second.has_begun
    second.append(LOADING)
    assert [record.seq for record in StatusStore(store).read_records(JOB)] == [0, 1, 2]


def test_a_wish_to_stop_outlives_late_progress_and_goes_with_the_job() -> None:
    store = MemoryDict()
    board, told = StatusStore(store), StatusStore(store).open_writer(JOB)
    board.cancel(JOB)
    told.append(LOADING, preview=b"late")
    assert board.is_cancelled(JOB) and not board.is_cancelled(OTHER)
    board.clear(JOB)
    board.clear(OTHER)  # of which nothing is there
    assert not board.is_cancelled(JOB) and store == {}


def test_what_is_usual_is_the_middle_of_the_last_five() -> None:
    board = StatusStore(MemoryDict())
    assert board.read_usual_s(StageName.LOADING) is None
    for seconds in (900.0, 40.0, 60.0, 50.0, 41.0, 70.04):
        board.add_stage_time(StageName.LOADING, seconds)
    assert board.read_usual_s(StageName.LOADING) == 50.0
    assert board.read_usual_s(StageName.STARTING) is None


def test_the_container_that_loads_is_known() -> None:
    board = StatusStore(MemoryDict())
    assert board.read_loading() is None
    board.write_loading("one")
    assert board.read_loading() == "one"


def test_of_calls_with_the_same_attempt_one_makes_the_job() -> None:
    board = StatusStore(MemoryDict())
    board.begin_attempt(JOB, "one")
    assert board.find_call(JOB, "one") is None and board.read_start_time(JOB) is None
    assert board.claim_attempt(JOB, "one", "fc-1")
    began = board.read_start_time(JOB)
    assert not board.claim_attempt(JOB, "one", "fc-2")
    assert board.claim_attempt(JOB, "one", "fc-1")  # run again, on another machine
    assert board.find_call(JOB, "one") == "fc-1" and board.read_start_time(JOB) == began
    assert board.claim_attempt(OTHER, "one", "fc-2")


def test_an_attempt_is_begun_once_and_ends_with_the_next() -> None:
    store = MemoryDict()
    board = StatusStore(store)
    board.begin_attempt(JOB, "one")
    board.claim_attempt(JOB, "one", "fc-1")
    board.open_writer(JOB).append(LOADING)
    board.begin_attempt(JOB, "one")  # whoever asked before did not come to write down the call
    assert board.find_call(JOB, "one") == "fc-1" and board.read_records(JOB)
    board.begin_attempt(JOB, "two")
    assert board.find_call(JOB, "two") is None and not board.read_records(JOB)
    assert not board.claim_attempt(JOB, "one", "fc-1")  # nobody waits for that one any more
    assert board.claim_attempt(JOB, "two", "fc-2")
    board.clear(JOB)
    assert store == {}


def test_an_attempt_without_a_name_is_anyones() -> None:
    board = StatusStore(MemoryDict())
    assert board.claim_attempt(JOB, "", "fc-1") and board.claim_attempt(JOB, "", "fc-2")
    assert board.read_start_time(JOB) is None


def test_a_job_is_open_from_its_attempt_to_its_end() -> None:
    board = StatusStore(MemoryDict())
    assert not board.is_unfinished(JOB)
    board.begin_attempt(JOB, "one")
    assert board.is_unfinished(JOB)
    told = board.open_writer(JOB)
    told.append(LOADING)
    assert board.is_unfinished(JOB) and not told.has_ended
    told.append(Cancelled(0))
    assert not board.is_unfinished(JOB) and told.has_ended and board.open_writer(JOB).has_ended
