"""A table of videos to make, as people write them, and as they get them wrong."""

from pathlib import Path
from typing import Any

import pytest

from inference.batch import csv_input
from inference.core.errors import InputError
from inference.core.inputs import CropChoice, Shape, Speaking, Trim


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "a.wav", "b.wav"):
        (tmp_path / name).touch()
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "c, d.wav").touch()
    return tmp_path


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        'image,audio,audio2,name\na.png,a.wav,"voices/c, d.wav",one\nb.png,b.wav,,\n',
        "image;audio;audio2;name\r\na.png;a.wav;voices/c, d.wav;one\r\nb.png;b.wav;;\r\n",
        "\ufeffName; AUDIO ;image;audio2\n one ;a.wav;a.png;voices/c, d.wav\n\n;;;\n;b.wav;b.png",
        'image,audio,audio2,name,\na.png,a.wav,"voices/c, d.wav",one,\nb.png,b.wav\n',
    ],
    ids=["commas", "semicolons", "BOM, spaces, capitals, empty lines", "ragged"],
)
def test_a_row_is_its_files_and_a_name(folder: Path, content: str) -> None:
    first, second = csv_input.read_csv(write(folder, content))
    assert (first.name, first.image) == ("one", folder / "a.png")
    assert first.recordings == (folder / "a.wav", folder / "voices" / "c, d.wav")
    assert (second.name, second.recordings) == ("b", (folder / "b.wav",))
    assert not (first.refusal or second.refusal)


def test_columns_hold_a_row_s_own_choices(folder: Path) -> None:
    written = (
        "image;audio;speaking;shape;trim;crop;quality;prompt;seed;steps;text_guidance\n"
        'a.png;a.wav;in-turn;square;1-3.5;0,-2,300;fast;"a ""calm"" one;\nsmiling";7;4;4.5\n'
        "b.png;b.wav;;;;;;;;;\n"
    )
    first, second = csv_input.read_csv(write(folder, written))
    assert first.options == {
        "speaking": Speaking.IN_TURN,
        "shape": Shape.SQUARE,
        "trim": Trim(1, 3.5),
        "crop": CropChoice(0, -2, 300),
        "quality": "fast",
        "prompt": 'a "calm" one;\nsmiling',
        "seed": 7,
        "steps": 4,
        "text_guidance": 4.5,
    }
    assert second.options == {} and not second.refusal


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"image": "c.png"}, "There is no file c.png. Write it as seen from the table's folder."),
        ({"audio": ""}, "This row names no recording. Write its file in the column audio."),
        ({"image": ""}, "This row names no picture."),
        ({"audio2": "voices"}, "There is no file voices."),
        ({"audio2": "x" * 300}, "There is no file xxx"),
        ({"shape": "round"}, "shape 'round' is not understood. Write one of landscape, portrait"),
        ({"speaking": "both"}, "speaking 'both' is not understood. Write together or in-turn."),
        ({"quality": "superb"}, "There is no quality 'superb'. Use one of draft"),
        ({"trim": "soon"}, "trim 'soon' is not understood. Write it like 0-40."),
        ({"trim": "4-1"}, "The part 4-1 is empty"),
        ({"crop": "1"}, "crop '1' is not understood. Write it like 0,0,896."),
        ({"seed": "-1"}, "seed '-1' is not understood. Write a whole number."),
        ({"steps": "9" * 5000}, "steps '999"),
        ({"text_guidance": "inf"}, "text_guidance 'inf' is not understood. Write it like 4.5."),
        ({"steps": "4;;and more"}, "Line 2 has more values than there are columns."),
    ],
)
def test_a_bad_row_is_a_sentence_and_stops_no_other(
    folder: Path, values: dict[str, Any], says: str
) -> None:
    row = {"image": "a.png", "audio": "a.wav", "audio2": "", "shape": "", "speaking": ""}
    row |= {"quality": "", "trim": "", "crop": "", "seed": "", "steps": "", "text_guidance": ""}
    header, line = ";".join(row), ";".join((row | values).values())
    bad, good = csv_input.read_csv(write(folder, f"{header}\n{line}\nb.png;b.wav\n"))
    assert bad.refusal.startswith(says)
    assert good.image == folder / "b.png" and not good.refusal


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a.png,a.wav\n", "list.csv has no header. Its first line names the columns: image and"),
        ("", "has no header"),
        ("image,audio,colour\n", "has a column 'colour', which is not known. Its first line"),
        ("image,name\n", "has no column audio"),
        ("image,audio,image\n", "has the column image twice"),
        ("image,audio\n\n,\n", "has no rows under its header"),
        ("image,audio\nn\xe4he.png,a.wav\n".encode("latin-1"), "is not UTF-8. Save it as CSV"),
        ('image,audio\n"a.png,a.wav\n', "Line 2 of list.csv is no CSV"),
    ],
)
def test_a_table_that_is_none_is_one_sentence(
    folder: Path, content: str | bytes, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        csv_input.read_csv(write(folder, content))
