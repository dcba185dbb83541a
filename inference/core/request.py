"""Request for a video: the options of a job and what was measured of its files."""

from dataclasses import fields
from typing import Self

from pydantic import dataclasses as checked

from inference.core.errors import InputCode, InputError
from inference.core.framing import measure_frame
from inference.core.inputs import FrameSize, Media, Picture, Recording, Soundtrack
from inference.core.options import JobOptions
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT


@checked.dataclass(frozen=True)
class Request(JobOptions, Media):
    """Options of a job together with what was measured of its files.

    `speakers`, when chosen, are as many as the recordings. Raises InputError.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.speakers and len(self.speakers) != len(self.recordings):
            raise InputError(
                InputCode.BAD_OPTION,
                f"Speakers chosen: {len(self.speakers)}, recordings: {len(self.recordings)}. "
                "Give each speaker a recording.",
            )
        Soundtrack(self.recordings, self.speaking, self.trim)

    @classmethod
    def from_options(
        cls, options: JobOptions, picture: Picture, recordings: tuple[Recording, ...]
    ) -> Self:
        """Return the request for measured files with `options`. Raises InputError."""
        chosen = {field.name: getattr(options, field.name) for field in fields(JobOptions)}
        return cls(picture, recordings, **chosen)

    @property
    def frame(self) -> FrameSize:
        """Size of the finished frame."""
        return measure_frame(self.shape, self.picture)

    @property
    def soundtrack(self) -> Soundtrack:
        """Input of the video's timing."""
        return Soundtrack(self.recordings, self.speaking, self.trim)

    @property
    def prompts(self) -> tuple[str, str]:
        """Prompt and negative prompt, each the default one where none was written."""
        default = DEFAULT_PROMPTS[len(self.recordings)]
        return self.prompt.strip() or default, self.negative_prompt.strip() or NEGATIVE_PROMPT
