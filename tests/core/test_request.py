"""A request can't be built wrong."""

import pytest

from inference.core.errors import InputCode, InputError
from inference.core.inputs import Picture, Recording, Shape, Trim
from inference.core.request import Request
from presets.scenes import DEFAULT_PROMPTS, NEGATIVE_PROMPT

VOICE = Recording(48_000, channels=1, peak_dbfs=-1.0, level_dbfs=-20.0)


@pytest.mark.parametrize(
    ("shape", "width", "height"),
    [
        (Shape.LANDSCAPE, 896, 448),
        (Shape.PORTRAIT, 448, 896),
        (Shape.SQUARE, 640, 640),
        (Shape.PICTURE, 576, 704),  # of 3:4 the model's nearest
        (Shape.WIDE, 832, 480),
        (Shape.TALL, 480, 832),
    ],
)
def test_shapes_have_the_size_the_model_knows(shape: Shape, width: int, height: int) -> None:
    request = Request(Picture(300, 400), (VOICE,), shape=shape)
    assert (request.frame.width, request.frame.height) == (width, height)


@pytest.mark.parametrize(
    ("samples", "peak", "code"),
    [
        (19_199, -1.0, InputCode.TOO_SHORT),
        (48_000, -60.0, InputCode.SILENT),
    ],
)
def test_a_recording_without_enough_voice_is_refused(
    samples: int, peak: float, code: InputCode
) -> None:
    with pytest.raises(InputError) as caught:
        Request(Picture(10, 10), (Recording(samples, 1, peak, peak),))
    assert caught.value.code == code


def test_the_shortest_recording_is_taken() -> None:
    Request(Picture(10, 10), (Recording(19_200, 1, -1.0, -20.0),))


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_voices(count: int) -> None:
    with pytest.raises(InputError, match="one or two"):
        Request(Picture(10, 10), (VOICE,) * count)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 2**32},
        {"steps": 0},
        {"steps": 101},
        {"text_guidance": 0.5},
        {"audio_guidance": 11.0},
        {"prompt": "p" * 2001},
        {"negative_prompt": "n" * 2001},
    ],
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="Use"):
        Request(Picture(10, 10), (VOICE,), **wrong)  # type: ignore[arg-type]


def test_where_nothing_was_written_the_usual_words_stand_in() -> None:
    alone, pair = (Request(Picture(10, 10), (VOICE,) * count, prompt=" ") for count in (1, 2))
    assert alone.prompts == (DEFAULT_PROMPTS[1], NEGATIVE_PROMPT) and pair.prompts == (
        DEFAULT_PROMPTS[2],
        NEGATIVE_PROMPT,
    )
    written = Request(Picture(10, 10), (VOICE,), prompt=" A robot. ", negative_prompt="Rain")
    assert written.prompts == ("A robot.", "Rain")


@pytest.mark.parametrize(("start", "end"), [(3.0, 3.0), (4.0, 3.0), (-1.0, 3.0)])
def test_an_empty_part_is_refused(start: float, end: float) -> None:
    with pytest.raises(InputError, match="later end"):
        Trim(start, end)
