"""Tasks small enough for MultiTalk's tiny model to make in a second or two on any CPU."""

import wave
from dataclasses import replace
from pathlib import Path

from inference.core.engine import Engine, EngineOptions
from inference.core.inputs import SAMPLE_RATE_HZ, Trim
from inference.core.plan import make_plan
from inference.core.request import Request
from inference.core.task import Task, voice_name
from inference.engines.select import select_engine
from inference.media.ingest import ingest_files
from tests.support.media import ASTRONAUT, DRAWN_PAIR, VOICE_A, VOICE_B
from tests.support.tiny_networks import shrunk

ONE_WINDOW_S, TWO_WINDOWS_S = 0.8, 3.3  # 21 and 85 frames


def tiny_engine() -> Engine:
    """MultiTalk with random weights on the CPU."""
    return select_engine("multitalk", EngineOptions("multitalk-tiny", "cpu"))


def small_task(folder: Path, seconds: float, people: int = 1, steps: int = 2) -> Task:
    """The astronaut, or the drawn pair, in a frame of 64x32, saved in `folder`."""
    image, voices = (ASTRONAUT, [VOICE_A]) if people == 1 else (DRAWN_PAIR, [VOICE_A, VOICE_B])
    picture, recordings = ingest_files(folder, image, voices)
    request = Request(picture, recordings, trim=Trim(0, seconds), quality="fast", prompt="A face.")
    plan = shrunk(make_plan(request, 40))
    task = Task(replace(request, steps=steps), plan, folder)  # also fewer than people may choose
    task.save()
    return task


def with_silence(task: Task) -> Task:
    """`task` with recordings as long as they were measured, in which nobody speaks."""
    for index, recording in enumerate(task.request.recordings):
        with wave.open(str(task.prepare_path(voice_name(index))), "wb") as voice:
            voice.setnchannels(recording.channels)
            voice.setsampwidth(2)
            voice.setframerate(SAMPLE_RATE_HZ)
            voice.writeframes(bytes(2 * recording.channels * recording.samples))
    return task


def in_many_windows(folder: Path, count: int, people: int = 1, steps: int = 1) -> Task:
    """A task in windows of 21 frames, 5 of which each shares with the one before."""
    task = small_task(folder, 0.04 * (16 * count + 5), people, steps)
    return replace(task, plan=shrunk(task.plan, *((16 * index, 21) for index in range(count))))
