"""Options become what they say, or a sentence on how to write them."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from inference.core.errors import InputError
from inference.core.inputs import CropChoice, Shape, Speaking, Trim
from inference.core.options import OPTIONS, Group, JobOptions
from inference.storage.publication import S3Address
from ui.cli.arguments import (
    EngineChoice,
    choose_quality,
    parse_source,
    parse_sources,
    require_engine_makes,
    takes_job_options,
)

USUAL = {name: None if field.metavar else field.default for name, field in OPTIONS.items()}


def read(**given: Any) -> JobOptions:
    """The options that a command gets of what is given."""
    found: list[JobOptions] = []

    def command(*, options: JobOptions, engine: EngineChoice) -> None:
        found.append(options)

    takes_job_options()(command)(**USUAL | given, engine=EngineChoice.AUTO)
    return found[0]


def test_what_is_not_given_is_left_to_the_plan() -> None:
    assert read() == JobOptions()
    given = read(speaking=Speaking.IN_TURN, shape=Shape.SQUARE, quality=None)
    assert given == JobOptions(speaking=Speaking.IN_TURN, shape=Shape.SQUARE, quality="draft")


def test_a_part_and_a_crop_are_read() -> None:
    given = read(trim="1.5-4", crop="-10,0,895.6")
    assert (given.trim, given.crop) == (Trim(1.5, 4), CropChoice(-10, 0, 896))


def test_what_is_seen_and_how_it_is_sampled() -> None:
    scene = {"prompt": "A red wall.", "negative_prompt": "Rain", "seed": 7}
    given = read(**scene, steps=60, audio_guidance=3.5)
    assert given == JobOptions(
        prompt="A red wall.", negative_prompt="Rain", seed=7, steps=60, audio_guidance=3.5
    )


def test_a_command_takes_an_option_for_each_field_of_its_groups() -> None:
    def command(*, options: JobOptions, engine: EngineChoice) -> None: ...

    taken = inspect.signature(takes_job_options()(command)).parameters
    assert list(taken) == [*OPTIONS, "engine"]
    some = inspect.signature(takes_job_options(Group.INPUT, quality="best")(command)).parameters
    assert list(some) == ["speaking", "shape", "trim", "crop", "quality", "turn", "engine"]
    assert some["quality"].default == "best"


@pytest.mark.parametrize(
    ("trim", "crop", "says"),
    [
        ("soon", None, "--trim 'soon' is not understood. Write it like 0-40."),
        ("0-inf", None, "--trim '0-inf' is not understood"),
        ("4-1", None, "The part 4-1 is empty"),
        (None, "1,2", "--crop '1,2' is not understood. Write it like 0,0,896."),
        (None, "1,2,nan", "--crop '1,2,nan' is not understood"),
    ],
)
def test_what_is_not_understood_is_quoted(trim: str | None, crop: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(trim=trim, crop=crop)


def test_a_file_is_here_or_in_a_bucket() -> None:
    assert parse_sources("a//b.png", None, "S3://faces/a//b.png") == [
        Path("a/b.png"),
        S3Address("faces", "a//b.png"),
    ]
    with pytest.raises(InputError, match="s3://faces names no file in a bucket"):
        parse_source("s3://faces")


@pytest.mark.parametrize(
    ("choice", "given", "quality"),
    [
        ("auto", None, "draft"),
        ("auto", "draft", "draft"),
        ("auto", "best", "best"),
        ("draft", None, "draft"),
        ("multitalk", None, "balanced"),
        ("multitalk", "fast", "fast"),
        ("modal", None, "balanced"),
        ("modal", "best", "best"),
    ],
)
def test_quality_and_engine_follow_from_each_other(
    choice: str, given: str | None, quality: str
) -> None:
    assert choose_quality(EngineChoice(choice), given) == quality
    require_engine_makes(EngineChoice(choice), quality)


@pytest.mark.parametrize(
    ("choice", "quality"), [("draft", "best"), ("multitalk", "draft"), ("modal", "draft")]
)
def test_an_engine_that_does_not_make_the_quality_is_refused(choice: str, quality: str) -> None:
    with pytest.raises(InputError, match=f"The {choice} engine does not make quality {quality}"):
        require_engine_makes(EngineChoice(choice), quality)


def test_a_quality_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no quality 'superb'"):
        require_engine_makes(EngineChoice.AUTO, "superb")
