"""The only door from the browser: an action, or a refusal."""

import pytest

from inference.core.errors import InputError
from ui.session.commands import AddVoice, ChooseCrop, DeleteJobs, Refresh, parse_action

JOB = "0123456789abcdef" * 2


def test_values_from_attributes_are_strings_and_become_what_they_mean() -> None:
    assert parse_action({"do": "refresh", "view": "history"}) == Refresh("refresh")
    assert parse_action({"do": "crop", "left": "1.5", "top": "-2", "width": 300}) == ChooseCrop(
        "crop", 1.5, -2, 300
    )
    assert parse_action({"do": "voice", "slot": "1", "upload": JOB, "name": "a.wav"}) == AddVoice(
        "voice", 1, JOB, "a.wav"
    )
    assert parse_action({"do": "delete-sure", "job": JOB}) == DeleteJobs("delete-sure", JOB)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"do": "format-disk"},
        {"do": ["refresh"]},
        {"do": "open"},
        {"do": "open", "job": "../../etc"},
        {"do": "open", "job": JOB + "\n"},
        {"do": "open", "job": f"x{JOB}"},
        {"do": "picture", "upload": JOB, "name": "n" * 256},
        {"do": "voice", "slot": 2, "upload": JOB, "name": ""},
        {"do": "crop", "left": "nan", "top": 0, "width": 1},
        {"do": "crop", "left": 0, "top": 0, "width": 1e9},
        {"do": "edit", "what": "everything"},
        {"do": "set", "field": "prompt", "value": "p" * 2001},
    ],
)
def test_anything_else_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        parse_action(values)
