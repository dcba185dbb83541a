"""Each option is declared once, and read from text as it is written."""

from dataclasses import fields

import pytest

from inference.core.errors import InputError
from inference.core.inputs import CropChoice, Picture, Recording, Shape, Speaking, Trim
from inference.core.options import OPTIONS, JobOptions, Permission, parse_option
from inference.core.request import Request

VOICE = Recording(48_000, channels=1, peak_dbfs=-1.0, level_dbfs=-20.0)


def test_every_choice_but_a_page_s_own_can_be_written() -> None:
    assert {field.name for field in fields(JobOptions)} - set(OPTIONS) == {"speakers"}
    assert all(option.help.endswith(".") for option in OPTIONS.values())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("speaking", "in-turn", Speaking.IN_TURN),
        ("trim", "1.5-4", Trim(1.5, 4)),
        ("crop", "-10,0,895.6", CropChoice(-10, 0, 896)),
        ("quality", "best", "best"),
        ("prompt", "7", "7"),
        ("seed", "007", 7),
        ("audio_guidance", "3", 3.0),
        ("shape", "picture", Shape.PICTURE),
        ("shape", "9:16", Shape.TALL),
        ("shape", "09:16", Shape.TALL),  # a spreadsheet took it for a time of day
        ("shape", "16:09", Shape.WIDE),
        ("permission", "stated", Permission.STATED),
    ],
)
def test_text_is_read_as_the_type_of_its_option(name: str, text: str, value: object) -> None:
    assert parse_option(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("trim", "soon", "--it 'soon' is not understood. Write it like 0-40."),
        ("speaking", "IN-TURN", "--it 'IN-TURN' is not understood. Write together or in-turn."),
        (
            "shape",
            "",
            "--it '' is not understood. Write one of landscape, portrait, square, "
            "picture, 16:9, 9:16.",
        ),
        ("permission", "yes", "--it 'yes' is not understood. Write stated or not-stated."),
        ("seed", "1.0", "--it '1.0' is not understood. Write a whole number."),
        ("steps", "²", "--it '²' is not understood. Write a whole number."),
        ("text_guidance", "nan", "--it 'nan' is not understood. Write it like 4.5."),
    ],
)
def test_what_is_not_understood_is_quoted_by_the_name_it_was_written_with(
    name: str, text: str, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_option(name, text, "--it")
    assert caught.value.message == says


def test_a_request_is_its_options_and_what_was_measured() -> None:
    options = JobOptions(trim=Trim(0, 1), seed=7, steps=4, prompt="A wall.")
    request = Request.from_options(options, Picture(10, 10), (VOICE,))
    assert request == Request(
        Picture(10, 10), (VOICE,), trim=Trim(0, 1), seed=7, steps=4, prompt="A wall."
    )
    assert request.tuning == options.tuning and request.sampling is None


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"steps": 0}, {"prompt": "p" * 2001}, {"turn": 45}]
)
def test_options_out_of_range_are_refused_before_any_file_is_read(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="Use"):
        JobOptions(**wrong)  # type: ignore[arg-type]
