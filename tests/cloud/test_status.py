"""What is said about jobs between machines."""

from inference.cloud.status import Board
from inference.core.events import Cancelled, Event, Frame, Stage, StageName, Step, Window
from inference.core.task import PREVIEW
from tests.support.local_cloud import MemoryDict

JOB, OTHER = "a" * 32, "b" * 32
LOADING = Stage(StageName.LOADING, "Loading")


def test_events_are_told_in_order_and_stay_few() -> None:
    store = MemoryDict()
    told = Board(store).telling(JOB)
    told.tell(LOADING)
    for number in range(1, 40):
        told.tell(Frame(PREVIEW), preview=b"jpeg %d" % number)
        told.tell(Step(number, 40, 0, 1))
    told.tell(Window(0, "windows/000.mp4", 81))
    records = Board(store).records(JOB)
    assert [record.event for record in records] == [
        LOADING,
        Frame(PREVIEW),
        Step(39, 40, 0, 1),
        Window(0, "windows/000.mp4", 81),
    ]
    assert [record.seq for record in records] == [0, 77, 78, 79]
    assert Board(store).preview(JOB) == b"jpeg 39"


def test_who_listens_now_and_then_misses_no_stage_and_no_window() -> None:
    store = MemoryDict()
    told, seen = Board(store).telling(JOB), -1
    heard: list[Event] = []
    events: list[Event] = [
        LOADING,
        Step(1, 2, 0, 2),
        Step(2, 2, 0, 2),
        Window(0, "a", 5),
        Cancelled(5, "b"),
    ]
    for number, event in enumerate(events):
        told.tell(event)
        if number % 3 == 2 or number == len(events) - 1:
            new = [record for record in Board(store).records(JOB) if record.seq > seen]
            heard, seen = heard + [record.event for record in new], new[-1].seq
    assert heard == [LOADING, Step(2, 2, 0, 2), Window(0, "a", 5), Cancelled(5, "b")]


def test_another_run_goes_on_with_the_numbers() -> None:
    store = MemoryDict()
    first = Board(store).telling(JOB)
    assert not first.begun
    first.tell(LOADING)
    first.tell(Window(0, "a", 5))
    second = Board(store).telling(JOB)
    assert second.begun
    second.tell(LOADING)
    assert [record.seq for record in Board(store).records(JOB)] == [0, 1, 2]


def test_a_wish_to_stop_outlives_late_progress_and_goes_with_the_job() -> None:
    store = MemoryDict()
    board, told = Board(store), Board(store).telling(JOB)
    board.cancel(JOB)
    told.tell(LOADING, preview=b"late")
    assert board.is_cancelled(JOB) and not board.is_cancelled(OTHER)
    board.clear(JOB)
    board.clear(OTHER)  # of which nothing is there
    assert not board.is_cancelled(JOB) and store == {}


def test_what_is_usual_is_the_middle_of_the_last_five() -> None:
    board = Board(MemoryDict())
    assert board.usual_s(StageName.LOADING) is None
    for seconds in (900.0, 40.0, 60.0, 50.0, 41.0, 70.04):
        board.note_usual(StageName.LOADING, seconds)
    assert board.usual_s(StageName.LOADING) == 50.0
    assert board.usual_s(StageName.STARTING) is None


def test_the_container_that_loads_is_known() -> None:
    board = Board(MemoryDict())
    assert board.loading() is None
    board.note_loading("one")
    assert board.loading() == "one"


def test_of_calls_with_the_same_attempt_one_makes_the_job() -> None:
    board = Board(MemoryDict())
    board.begin(JOB, "one")
    assert board.maker(JOB, "one") is None and board.begun_at(JOB) is None
    assert board.claim(JOB, "one", "fc-1")
    began = board.begun_at(JOB)
    assert not board.claim(JOB, "one", "fc-2")
    assert board.claim(JOB, "one", "fc-1")  # run again, on another machine
    assert board.maker(JOB, "one") == "fc-1" and board.begun_at(JOB) == began
    assert board.claim(OTHER, "one", "fc-2")


def test_an_attempt_is_begun_once_and_ends_with_the_next() -> None:
    store = MemoryDict()
    board = Board(store)
    board.begin(JOB, "one")
    board.claim(JOB, "one", "fc-1")
    board.telling(JOB).tell(LOADING)
    board.begin(JOB, "one")  # whoever asked before did not come to write down the call
    assert board.maker(JOB, "one") == "fc-1" and board.records(JOB)
    board.begin(JOB, "two")
    assert board.maker(JOB, "two") is None and not board.records(JOB)
    assert not board.claim(JOB, "one", "fc-1")  # nobody waits for that one any more
    assert board.claim(JOB, "two", "fc-2")
    board.clear(JOB)
    assert store == {}


def test_an_attempt_without_a_name_is_anyones() -> None:
    board = Board(MemoryDict())
    assert board.claim(JOB, "", "fc-1") and board.claim(JOB, "", "fc-2")
    assert board.begun_at(JOB) is None


def test_a_job_is_open_from_its_attempt_to_its_end() -> None:
    board = Board(MemoryDict())
    assert not board.is_open(JOB)
    board.begin(JOB, "one")
    assert board.is_open(JOB)
    told = board.telling(JOB)
    told.tell(LOADING)
    assert board.is_open(JOB) and not told.ended
    told.tell(Cancelled(0))
    assert not board.is_open(JOB) and told.ended and board.telling(JOB).ended
