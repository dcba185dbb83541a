"""Playable video, with sound, of the windows finished so far.

Each new window gives a new file under the window's number, so that playback of the previous one is
not disturbed. The sound is encoded once and copied into each file.
"""

import time
from pathlib import Path

from inference.core.events import Window
from inference.core.task import SOUND, Task, partial_video_name, segment_name
from inference.media.audio import mix_voices
from inference.media.video import encode_sound, join_encoded

_FOLDER = "growing"
_ENCODED_SOUND, _MIXED_SOUND = f"{_FOLDER}/sound.mp4", f"{_FOLDER}/sound.wav"
_VIDEOS_TO_KEEP = 2  # the newest one, and one that a page may still be playing
_MIN_AGE_S = 20.0  # younger ones are kept, too: windows of drafts follow each other fast


class PartialVideo:
    """Partial videos of one task; a video of a single window has none."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def add(self, window: Window) -> None:
        """Write the video up to and including `window`, whose segment exists.

        Raises OSError and PyAV's errors; the earlier videos still exist then.
        """
        task = self._task
        if len(task.plan.windows) == 1:
            return
        segments = [task.folder / segment_name(index) for index in range(window.index + 1)]
        target = task.prepare_path(partial_video_name(window.index))
        join_encoded(segments, self._encode_sound(), window.frames_done, target)
        self._delete_old(_VIDEOS_TO_KEEP)

    def clean_up(self) -> None:
        """Delete the videos that no page can still be playing. Raises OSError."""
        self._delete_old(1)
        for name in (_ENCODED_SOUND, _MIXED_SOUND):
            (self._task.folder / name).unlink(missing_ok=True)

    def _delete_old(self, count: int) -> None:
        videos = sorted((self._task.folder / _FOLDER).glob("[0-9]*.mp4"))
        for video in videos[:-count]:
            if time.time() - video.stat().st_mtime > _MIN_AGE_S:
                video.unlink()

    def _encode_sound(self) -> Path:
        """Return the file with the whole encoded sound; reuse that of an earlier worker."""
        task, target = self._task, self._task.prepare_path(_ENCODED_SOUND)
        if not target.exists():
            encode_sound(self._find_sound(), task.plan.frames, target)
        return target

    def _find_sound(self) -> Path:
        """Return the finished sound; mix the voices if the engine has not written it yet."""
        finished, mixed = self._task.folder / SOUND, self._task.prepare_path(_MIXED_SOUND)
        if finished.exists():
            return finished
        mix_voices(self._task, mixed)
        return mixed
