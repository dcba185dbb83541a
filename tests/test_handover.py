"""What a window hands on is the same after the process is gone."""

from dataclasses import replace

import pytest
import torch

from inference.multitalk import handover
from inference.multitalk.pipeline import Carried
from inference.task import Task, segment_name, state_name

CPU = torch.device("cpu")


def carried(seed: int = 3) -> Carried:
    generator = torch.Generator().manual_seed(seed)
    return Carried(generator, torch.rand(3, 25, 8, 16, generator=generator))


def test_frames_and_random_numbers_go_on_exactly(task: Task) -> None:
    before = carried()
    handover.save(task, 0, before)
    after = handover.load(task, 0, CPU)
    assert before.motion is not None and after.motion is not None
    assert torch.equal(after.motion, before.motion)
    draws = [torch.randn(100, generator=state.generator) for state in (before, after)]
    assert torch.equal(*draws)


def test_no_half_written_file_stays(task: Task) -> None:
    handover.save(task, 0, carried())
    handover.save(task, 0, carried(4))
    assert [path.name for path in (task.folder / "windows").iterdir()] == ["000.state.safetensors"]


def test_older_ones_are_forgotten(task: Task) -> None:
    for index in range(3):
        handover.save(task, index, carried())
    handover.forget(task, 2)
    handover.forget(task, 2)
    assert [(task.folder / state_name(index)).exists() for index in range(3)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("segments", "states", "kept"),
    [
        ([], [], 0),
        ([0], [0], 1),
        ([0], [], 0),  # nothing to go on from
        ([0, 1], [1], 2),
        ([0, 1], [0], 0),
        ([0, 1, 2], [], 3),  # all is there: nothing goes on
    ],
)
def test_segments_that_nothing_can_follow_are_made_again(
    task: Task, segments: list[int], states: list[int], kept: int
) -> None:
    windows = task.plan.windows + task.plan.windows[:1]
    task = replace(task, plan=replace(task.plan, windows=windows))
    for index in segments:
        task.path(segment_name(index)).touch()
    for index in states:
        handover.save(task, index, carried())
    handover.drop_unfinishable(task)
    assert len(list((task.folder / "windows").glob("*.mp4"))) == kept
