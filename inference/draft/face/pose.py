"""What a mouth does in one frame."""

from dataclasses import dataclass

_TOUCH_OPENING = 0.05  # from this opening on nothing overlaps


@dataclass(frozen=True)
class Pose:
    """State of a mouth in one frame, each value 0 to 1; see `voice.speech.MouthCurves`."""

    opening: float
    rounding: float = 0.0
    spreading: float = 0.0
    closure: float = 0.0
    teeth: float = 0.0
    speaking: float = 0.0

    def to_weights(self) -> tuple[float, ...]:
        """Return the weights of the eight fields of `fields.MouthFields`.

        They are opening, shutting the picture's mouth, overlap of shut lips, rounding, spreading,
        closure, teeth, and the smile that gives way to speech.
        """
        opening = self.opening * (1 - self.closure)
        shown = self.teeth * min(1.0, 4 * opening)
        touching = max(0.0, 1 - opening / _TOUCH_OPENING)
        return (
            opening,
            1.0,
            touching,
            self.rounding,
            self.spreading,
            self.closure,
            shown,
            self.speaking,
        )
