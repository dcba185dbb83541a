"""The sound of a video: every voice in its place."""

from pathlib import Path

from inference.core.task import Task, voice_name
from inference.core.timing import SAMPLES_PER_FRAME, place_recordings
from inference.media.audio import write_sound


def mix_voices(task: Task, target: Path) -> None:
    """Write the finished sound, as long as the video, with every voice in its place: 48 kHz WAV."""
    placed = place_recordings(task.request.soundtrack)
    voices = [task.prepare_path(voice_name(index)) for index in range(len(placed))]
    write_sound(voices, placed, task.plan.frames * SAMPLES_PER_FRAME, target)
