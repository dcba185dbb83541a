"""What a quality preset holds, with units and bounds."""

from dataclasses import dataclass
from enum import StrEnum


class EngineFamily(StrEnum):
    """Which kind of engine carries a quality out."""

    DRAFT = "draft"
    MULTITALK = "multitalk"


@dataclass(frozen=True)
class Range:
    """What a number may be; both ends count."""

    minimum: float
    maximum: float

    def __contains__(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum


ANY_STEPS = Range(1, 100)
ANY_GUIDANCE = Range(1, 10)  # stronger, it burns the picture


@dataclass(frozen=True)
class Bounds:
    """What may be chosen instead of a quality's own values, which lie within."""

    steps: Range = ANY_STEPS
    text_guidance: Range = ANY_GUIDANCE
    audio_guidance: Range = ANY_GUIDANCE


@dataclass(frozen=True)
class Lora:
    """A LoRA and how strongly it counts: `name` is that of a file in a set of weights, without its
    ending, or, of an operator's own, an absolute path without it."""

    name: str
    strength: float = 1.0


@dataclass(frozen=True)
class Sampling:
    """How MultiTalk samples a window. Raises ValueError when a value is out of its bounds.

    `steps` in ANY_STEPS; `shift` (above 0) moves them towards the noisy end; `text_guidance` and
    `audio_guidance` (1: off) say how much prompt and voice are exaggerated; `loras` are the
    distillation these are made for; `step_cache` is TeaCache's threshold, None for off;
    `reuse_last` spares the last step's passes: it removes almost no noise, so the velocity of the
    step before will do.
    """

    steps: int
    shift: float
    text_guidance: float
    audio_guidance: float
    loras: tuple[Lora, ...] = ()
    step_cache: float | None = None
    reuse_last: bool = False

    def __post_init__(self) -> None:
        if self.steps not in ANY_STEPS:
            raise ValueError(f"{self.steps} steps are not 1 to 100")
        if not (self.shift > 0 and self.text_guidance >= 1 and self.audio_guidance >= 1):
            raise ValueError(f"shift {self.shift} is not above 0, or a guidance scale below 1")
        if self.step_cache is not None and not self.step_cache >= 0:
            raise ValueError(f"the step cache's threshold {self.step_cache} is below 0")

    @property
    def computed_steps(self) -> int:
        """Steps that run the model."""
        return self.steps - 1 if self.reuse_last and self.steps > 1 else self.steps

    @property
    def passes(self) -> int:
        """Model runs per step: the full one, one without the prompt, one without the voice.

        MultiTalk drops the voice from the run that already lacks the prompt, so a scale of 1
        takes its own run away and leaves the others as they are.
        """
        return 1 + (self.text_guidance != 1) + (self.audio_guidance != 1)


@dataclass(frozen=True)
class Preset:
    """A named quality. Raises ValueError when a value is out of its bounds.

    `sampling` is None where the engine does not sample, `bounds` what may be chosen instead of its
    values; `overlap` motion frames, 4j+1 from 5 to 41; `step_s` seconds one pass over a full window
    takes and `start_s` seconds before the first, until runs on this machine are measured.
    """

    name: str
    title: str
    engine: EngineFamily
    sampling: Sampling | None
    overlap: int
    start_s: float
    step_s: float
    bounds: Bounds = Bounds()

    def __post_init__(self) -> None:
        if not (5 <= self.overlap <= 41 and self.overlap % 4 == 1):
            raise ValueError(f"overlap {self.overlap} is not 4j+1 from 5 to 41")
        if (self.sampling is not None) != (self.engine is EngineFamily.MULTITALK):
            raise ValueError(f"{self.name}: MultiTalk samples, and nothing else does")
        if self.sampling and not all(
            getattr(self.sampling, name) in allowed for name, allowed in vars(self.bounds).items()
        ):
            raise ValueError(f"{self.name}: its own values are out of its bounds")
