"""What a window hands on survives the end of its process exactly, and no longer than needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.core.task import Task, segment_name, state_name
from inference.multitalk import checkpoint
from inference.multitalk.models.attention import Kernel
from inference.multitalk.pipeline import WindowState
from tests.support.tiny_networks import CPU, random, shrunk


@pytest.fixture
def three_windows(task: Task) -> Task:
    plan = shrunk(task.plan, (0, 41), (36, 21), (52, 21))
    return Task(task.request, plan, task.folder)


def carried(seed: int) -> WindowState:
    """Frames, and a generator in the middle of its numbers."""
    generator = torch.Generator().manual_seed(seed)
    torch.randn(77, generator=generator)
    return WindowState(generator, random(seed, 3, 5, 32, 64))


def files(task: Task) -> set[str]:
    return {path.relative_to(task.folder).as_posix() for path in task.folder.rglob("*.*")}


def test_what_is_loaded_is_what_was_saved(three_windows: Task) -> None:
    given = carried(1)
    checkpoint.save(three_windows, 0, given, Kernel.TORCH)
    taken = checkpoint.load(three_windows, 0, CPU)
    assert taken.motion is not None and given.motion is not None
    assert taken.motion.equal(given.motion) and taken.motion.dtype is torch.float32


@pytest.mark.parametrize("size", [(5,), (16, 6, 4, 8)])  # few and many numbers are drawn otherwise
def test_the_random_numbers_go_on_where_they_were(three_windows: Task, size: list[int]) -> None:
    given = carried(2)
    checkpoint.save(three_windows, 1, given, Kernel.TORCH)
    taken = checkpoint.load(three_windows, 1, CPU)
    for _ in range(3):
        ours = torch.randn(size, generator=taken.generator)
        assert ours.equal(torch.randn(size, generator=given.generator))
    assert not ours.equal(torch.randn(size, generator=carried(2).generator))


def test_saving_draws_no_numbers_and_a_part_of_a_video_is_not_saved_with_the_rest(
    three_windows: Task,
) -> None:
    given, whole = carried(3), random(3, 3, 1001, 32, 64)
    given.motion = whole[:, -5:]  # a view of all frames
    before = given.generator.get_state()
    checkpoint.save(three_windows, 0, given, Kernel.TORCH)
    assert given.generator.get_state().equal(before)
    assert (three_windows.folder / state_name(0)).stat().st_size < 200_000
    taken = checkpoint.load(three_windows, 0, CPU).motion
    assert taken is not None and taken.equal(whole[:, -5:])


def test_each_window_has_a_file_of_its_own_and_no_part_is_left(three_windows: Task) -> None:
    checkpoint.save(three_windows, 0, carried(1), Kernel.TORCH)
    checkpoint.save(three_windows, 1, carried(2), Kernel.TORCH)
    checkpoint.save(three_windows, 1, carried(3), Kernel.TORCH)  # as after an earlier end
    assert files(three_windows) == {state_name(0), state_name(1)}
    taken = checkpoint.load(three_windows, 1, CPU).motion
    assert taken is not None and taken.equal(random(3, 3, 5, 32, 64))


@pytest.mark.parametrize("kernel", Kernel)
def test_the_kernel_that_made_a_window_is_kept_with_it(three_windows: Task, kernel: Kernel) -> None:
    checkpoint.save(three_windows, 0, carried(1), kernel)
    assert checkpoint.read_kernel(three_windows, 0) == kernel


def test_an_older_file_does_not_say_by_which_kernel_and_is_read_all_the_same(
    three_windows: Task,
) -> None:
    checkpoint.save(three_windows, 0, carried(1), Kernel.TORCH)
    file = three_windows.folder / state_name(0)
    save_file(load_file(file), file)
    assert checkpoint.read_kernel(three_windows, 0) is None
    taken = checkpoint.load(three_windows, 0, CPU).motion
    assert taken is not None and taken.equal(random(1, 3, 5, 32, 64))


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def save_half(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save_file", save_half)
        yield


@pytest.mark.holds("making, MultiTalk", "full disk", "finished windows stay whole")
def test_a_file_is_never_seen_half_written(
    three_windows: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(monkeypatch), pytest.raises(OSError, match="No space"):
        checkpoint.save(three_windows, 0, carried(1), Kernel.TORCH)
    assert not (three_windows.folder / state_name(0)).exists()


def test_older_windows_are_forgotten_and_no_others(three_windows: Task) -> None:
    for index in range(3):
        checkpoint.save(three_windows, index, carried(index), Kernel.TORCH)
    three_windows.prepare_path(segment_name(0)).touch()
    checkpoint.delete_before(three_windows, 2)
    assert files(three_windows) == {state_name(2), segment_name(0)}
    checkpoint.delete_before(three_windows, 2)  # they are gone already


def test_before_the_first_window_there_is_nothing_to_forget(three_windows: Task) -> None:
    checkpoint.delete_before(three_windows, 0)
    assert files(three_windows) == set()


@pytest.mark.parametrize(
    ("segments", "states", "kept"),
    [
        ([], [], []),
        ([], [0], []),  # ended before the first segment was complete
        ([0], [0], [0]),
        ([0], [], []),
        ([0], [1], []),
        ([0, 1], [1], [0, 1]),
        ([0, 1], [0, 1], [0, 1]),  # ended before the older one was forgotten
        ([0, 1], [0], []),
        ([0, 1], [], []),
        ([0, 1, 2], [], [0, 1, 2]),  # only to be joined
    ],
)
def test_segments_from_which_nothing_can_go_on_are_made_again(
    three_windows: Task, segments: list[int], states: list[int], kept: list[int]
) -> None:
    for index in segments:
        three_windows.prepare_path(segment_name(index)).touch()
    for index in states:
        checkpoint.save(three_windows, index, carried(index), Kernel.TORCH)
    checkpoint.delete_orphaned_segments(three_windows)
    assert files(three_windows) == {
        *(segment_name(index) for index in kept),
        *(state_name(index) for index in states),
    }


@pytest.mark.holds("making, MultiTalk", "torn file", "that window is made again")
def test_a_torn_state_is_as_good_as_none(task: Task) -> None:
    task.prepare_path(segment_name(0)).touch()
    state = task.prepare_path(state_name(0))
    state.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    checkpoint.delete_orphaned_segments(task)
    assert not (task.folder / segment_name(0)).exists()


def test_a_segment_after_a_gap_is_made_again(three_windows: Task) -> None:
    for index in (1, 2):
        three_windows.prepare_path(segment_name(index)).touch()
    checkpoint.delete_orphaned_segments(three_windows)
    assert not any((three_windows.folder / segment_name(n)).exists() for n in range(3))
