"""What is finished of a video, with its sound, as a film that can be played while the rest is made.

Each time one more window is there a new film is written, under the window's number: whoever plays
the one before is not disturbed. The sound is encoded once, and copied into each of them.
"""

import time
from pathlib import Path

from inference.core.events import Window
from inference.core.task import SOUND, Task, partial_video_name, segment_name
from inference.media.mixing import mix_voices
from inference.media.video import encode_sound, join_encoded

_FOLDER = "growing"
_ENCODED_SOUND, _MIXED_SOUND = f"{_FOLDER}/sound.mp4", f"{_FOLDER}/sound.wav"
_VIDEOS_TO_KEEP = 2  # films: the newest, and the one that a page may still be playing,
_MIN_AGE_S = 20.0  # ... and where windows take no time, all that a page may just have heard of


class PartialVideo:
    """The films of one task; a video of a single window has none."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def add(self, window: Window) -> None:
        """Write the film up to and with `window`, whose segment is there. Raises OSError and
        what PyAV raises; the earlier films are still there then."""
        task = self._task
        if len(task.plan.windows) == 1:
            return
        segments = [task.folder / segment_name(index) for index in range(window.index + 1)]
        target = task.prepare_path(partial_video_name(window.index))
        join_encoded(segments, self._encode_sound(), window.frames_done, target)
        self._delete_old(_VIDEOS_TO_KEEP)

    def clean_up(self) -> None:
        """Delete the films that no page can be playing any more. Raises OSError."""
        self._delete_old(1)
        for name in (_ENCODED_SOUND, _MIXED_SOUND):
            (self._task.folder / name).unlink(missing_ok=True)

    def _delete_old(self, count: int) -> None:
        films = sorted((self._task.folder / _FOLDER).glob("[0-9]*.mp4"))
        for film in films[:-count]:
            if time.time() - film.stat().st_mtime > _MIN_AGE_S:
                film.unlink()

    def _encode_sound(self) -> Path:
        """The whole sound, encoded; also by an earlier worker of the same job."""
        task, target = self._task, self._task.prepare_path(_ENCODED_SOUND)
        if not target.exists():
            encode_sound(self._find_sound(), task.plan.frames, target)
        return target

    def _find_sound(self) -> Path:
        """The finished sound, made of the voices where the engine has not left it."""
        finished, mixed = self._task.folder / SOUND, self._task.prepare_path(_MIXED_SOUND)
        if finished.exists():
            return finished
        mix_voices(self._task, mixed)
        return mixed
