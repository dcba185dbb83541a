"""Animation of one speaking face: lips, lids and head of every frame, from one picture."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from inference.draft.face.axes import FaceAxes, compute_face_axes
from inference.draft.face.drawn import DrawnMouth
from inference.draft.face.eyes import Eyes
from inference.draft.face.head import Head
from inference.draft.face.light import Light, measure_light
from inference.draft.face.motion import generate_head_motion
from inference.draft.face.mouth import Mouth
from inference.draft.face.pose import Pose
from inference.draft.face.upper import UpperFace
from inference.draft.face.warp import Floats, Pixels
from inference.draft.voice.speech import MouthCurves

# A face speaks, or rests, for a phrase: the longest pause in it, and the deviation of a change.
_PAUSE_FRAMES, _CHANGE_FRAMES = 25, 6.0


class Performer:
    """One speaking face, drawn into copies of the still frame.

    The same frame, landmarks, curves and seed give the same pixels. With several performers, draw
    every face before moving any head: their areas may overlap.
    """

    def __init__(
        self,
        frame: Pixels,
        landmarks: Floats,
        curves: MouthCurves,
        seed: int,
        look: Floats | None = None,
    ) -> None:
        """`frame` is RGB uint8 (h, w, 3); `landmarks` float32 (468, 3), in its pixels.

        `look`, float32 (frames, 2), is where the face looks; see `draft.attention`.
        """
        axes = compute_face_axes(landmarks)
        light = measure_light(frame, landmarks, axes)
        self._curves = curves
        self._speaking = _hold(curves.energy)
        self._mouth = build_mouth(frame, landmarks, axes, light)
        self._eyes = Eyes(frame, landmarks, axes, light)
        self._head = Head(frame, landmarks, axes)
        self._upper = None if light.is_drawing else UpperFace(frame, landmarks, axes)
        motion = generate_head_motion(curves, seed, look)
        self._lids, self._brows, self._gaze = motion.lids, motion.brows, motion.gaze
        self._motion = motion.head * np.asarray([axes.size_px, axes.size_px, 1, 1, 1], np.float32)

    def draw_face(self, canvas: Pixels, index: int) -> None:
        """Draw the face of frame `index` into the canvas, RGB uint8 (h, w, 3), in place."""
        curves = self._curves
        pose = Pose(
            float(curves.opening[index]),
            float(curves.rounding[index]),
            float(curves.spreading[index]),
            float(curves.closure[index]),
            float(curves.teeth[index]),
            float(self._speaking[index]),
        )
        self._mouth.draw(canvas, pose)
        if self._upper:
            self._upper.draw(canvas, float(self._brows[index]), self._gaze[index])
        self._eyes.draw(canvas, float(self._lids[index]))

    def move_head(self, canvas: Pixels, index: int) -> None:
        """Move the head as in frame `index`, in place, once every face is drawn."""
        self._head.move(canvas, self._motion[index])


def _hold(energy: Floats) -> Floats:
    """Return how much a face speaks, held over short pauses and syllables, float32 (frames,)."""
    held = maximum_filter1d(energy, _PAUSE_FRAMES)
    return np.asarray(gaussian_filter1d(held, _CHANGE_FRAMES, mode="nearest"), np.float32)


def build_mouth(
    frame: Pixels, landmarks: Floats, axes: FaceAxes, light: Light
) -> Mouth | DrawnMouth:
    """Build the mouth of a face; a drawn one of no plain shape as in a photograph."""
    if light.is_drawing:
        drawn = DrawnMouth(frame, landmarks, axes, light)
        if drawn.is_found:
            return drawn
    return Mouth(frame, landmarks, axes, light)
