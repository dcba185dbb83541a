"""People take turns, in order, and nobody waits for ever."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from inference.jobs.fairness import Usage, WaitingJob, order_by_turn


def queue(*jobs: str) -> list[WaitingJob]:
    """Jobs named by owner and number, waiting in this order."""
    return [WaitingJob(job, job[0], since) for since, job in enumerate(jobs)]


def names(jobs: list[WaitingJob]) -> str:
    return " ".join(job.job for job in jobs)


def test_people_take_turns_whoever_came_first_with_many() -> None:
    assert (
        names(order_by_turn(queue("a1", "a2", "a3", "b1", "c1", "b2"), {})) == "a1 b1 c1 a2 b2 a3"
    )


def test_whoever_was_served_least_recently_is_next() -> None:
    served = {"a": Usage(last_ns=30), "b": Usage(last_ns=10), "c": Usage(last_ns=20)}
    assert names(order_by_turn(queue("a1", "b1", "c1", "b2", "d1"), served)) == "d1 b1 c1 a1 b2"


def test_whoever_has_less_at_work_goes_first() -> None:
    served = {"a": Usage(running=1, last_ns=1), "b": Usage(running=0, last_ns=9)}
    assert names(order_by_turn(queue("a1", "a2", "b1", "b2"), served)) == "b1 a1 b2 a2"


WAITING = st.lists(st.sampled_from("abcd"), max_size=30).map(
    lambda owners: [
        WaitingJob(f"{owner}{since}", owner, since) for since, owner in enumerate(owners)
    ]
)
SERVED = st.dictionaries(
    st.sampled_from("abcd"), st.builds(Usage, st.integers(0, 2), st.integers(0, 99))
)


@given(WAITING, SERVED)
def test_everyone_comes_in_the_order_of_their_own_jobs(
    waiting: list[WaitingJob], served: dict[str, Usage]
) -> None:
    out = order_by_turn(reversed(waiting), served)
    assert sorted(out, key=lambda job: job.since_ns) == waiting
    for owner in "abcd":
        own = [job.since_ns for job in out if job.owner == owner]
        assert own == sorted(own)


@given(WAITING, SERVED)
def test_nobody_gets_ahead_of_others_who_wait(
    waiting: list[WaitingJob], served: dict[str, Usage]
) -> None:
    """Jobs at work and jobs given: whoever gets the next has no more than anyone who waits."""
    out = order_by_turn(waiting, served)
    had = Counter({owner: was.running for owner, was in served.items()})
    for number, job in enumerate(out):
        still = {other.owner for other in out[number:]}
        assert all(had[job.owner] <= had[owner] for owner in still)
        had[job.owner] += 1
