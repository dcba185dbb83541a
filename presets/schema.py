"""Types of a quality preset, with units and bounds."""

from dataclasses import dataclass
from enum import StrEnum


class EngineFamily(StrEnum):
    """Kind of engine that renders a quality."""

    DRAFT = "draft"
    MULTITALK = "multitalk"

    @property
    def needs_gpu(self) -> bool:
        """Whether it makes final videos on a GPU, paid for on Modal; all others are free."""
        return self is EngineFamily.MULTITALK


@dataclass(frozen=True)
class Range:
    """Closed interval of allowed numbers."""

    minimum: float
    maximum: float

    def __contains__(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum


ANY_STEPS = Range(1, 100)
ANY_GUIDANCE = Range(1, 10)  # more oversaturates the picture


@dataclass(frozen=True)
class Bounds:
    """Values that can be chosen instead of a quality's own, which lie within them."""

    steps: Range = ANY_STEPS
    text_guidance: Range = ANY_GUIDANCE
    audio_guidance: Range = ANY_GUIDANCE


@dataclass(frozen=True)
class Lora:
    """LoRA and its strength.

    `name` is that of a file in a set of weights, or an absolute path for an operator's own, both
    without the suffix ".safetensors".
    """

    name: str
    strength: float = 1.0


@dataclass(frozen=True)
class Sampling:
    """Parameters of MultiTalk's sampler. Raises ValueError for a value out of its bounds.

    `steps` in ANY_STEPS; `shift` (above 0) moves them towards the noisy end; `text_guidance` and
    `audio_guidance` are scales of classifier-free guidance (1: off); `loras` are the distillation
    that the other values belong to; `step_cache` is TeaCache's threshold, None for off;
    `reuse_last` skips the last step's passes: it removes almost no noise, so the previous step's
    velocity is used.
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
        """Number of steps that run the model."""
        return self.steps - 1 if self.reuse_last and self.steps > 1 else self.steps

    @property
    def passes(self) -> int:
        """Number of model runs per step: the full one, one without the prompt, one without voice.

        MultiTalk drops the voice from the run that already lacks the prompt, so a scale of 1
        removes one run and leaves the others as they are.
        """
        return 1 + (self.text_guidance != 1) + (self.audio_guidance != 1)


@dataclass(frozen=True)
class Preset:
    """Named quality. Raises ValueError for a value out of its bounds.

    `sampling` is None for an engine that does not sample; `bounds` limit values chosen instead of
    its own; `overlap` counts motion frames, 4j+1 from 5 to 41. `step_s` is the time of one pass
    over a full window and `start_s` the time before the first, until runs here are measured.
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
