"""The command line's options: what each takes and says, for all commands that have it."""

from typing import Annotated

import typer

from inference.core.request import Shape, Speaking
from inference.core.tuning import LABELS
from presets.quality import DEFAULT_QUALITY, DRAFT_QUALITY, PRESETS

FILE_METAVAR = "FILE or s3://..."  # a string: a Path would make one slash of the two
Image = Annotated[str, typer.Option(metavar=FILE_METAVAR, help="A picture of one or two faces.")]
Audio = Annotated[
    str,
    typer.Option(metavar=FILE_METAVAR, help="A recording of the voice; of the left person of two."),
]
Audio2 = Annotated[
    str | None, typer.Option(metavar=FILE_METAVAR, help="A recording of the right person's voice.")
]
Together = Annotated[Speaking, typer.Option(help="Two voices at the same time, or in turn.")]
Format = Annotated[Shape, typer.Option(help="The shape of the video.")]
Part = Annotated[str | None, typer.Option(metavar="A-B", help="Seconds to use, as 0-40.")]
Window = Annotated[
    str | None, typer.Option(metavar="LEFT,TOP,WIDTH", help="Crop, in pixels of the picture.")
]
Quality = Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")]
QualityOrNone = Annotated[
    str | None,
    typer.Option(
        help=f"One of {', '.join(PRESETS)}; {DRAFT_QUALITY} unless given, "
        f"or {DEFAULT_QUALITY} where --engine names another one than draft."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Prompt = Annotated[str, typer.Option(help="What the scene is like, for MultiTalk.")]
NegativePrompt = Annotated[str, typer.Option(help="What should not be seen, for MultiTalk.")]
Steps = Annotated[int | None, typer.Option(help="Sampling steps, for MultiTalk.")]
TextGuidance = Annotated[
    float | None, typer.Option(help=f"{LABELS['text_guidance']}, for MultiTalk.")
]
AudioGuidance = Annotated[
    float | None, typer.Option(help=f"{LABELS['audio_guidance']}, for MultiTalk.")
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same video.")]
