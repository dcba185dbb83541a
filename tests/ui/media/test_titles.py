"""Titles say what a video is made of; files are saved under names that every system takes."""

import pytest

from ui.media.titles import build_file_name, clean_title, compose_title


@pytest.mark.parametrize(
    ("picture", "voices", "title"),
    [
        ("astronaut.png", ["voice_a.wav"], "astronaut - voice a"),
        ("Astronaut", ["voice_a.wav", "voice_b.wav"], "Astronaut - voice a, voice b"),
        ("us.jpg", ["talk.m4a", "talk.m4a"], "us - talk"),  # one recording, split
        ("C:\\fakepath\\me.HEIC", ["/sdcard/rec.1.ogg"], "me - rec.1"),
        ("Camera picture", ["Recording"], "Camera picture - Recording"),
        ("me.png", ["Dr. Who: hello!"], "me - Dr. Who: hello!"),
        ("me.png", [], "me"),
        ("", ["a.wav"], "a"),
        ("x" * 90 + ".png", ["y" * 90], "x" * 33 + "... - " + "y" * 33 + "..."),
    ],
)
def test_a_title_is_made_of_the_names_of_picture_and_voices(
    picture: str, voices: list[str], title: str
) -> None:
    assert compose_title(picture, voices) == title


def test_a_title_is_one_line_without_what_can_not_be_seen() -> None:
    assert clean_title(" a\tb\r\n\0c\u202egpj \ud800") == "a b c gpj"
    assert clean_title("👩\u200d🚀") == "👩\u200d🚀"
    assert clean_title("\u200b\u2066") == ""
    assert len(clean_title("ab " * 100)) == 80


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("astronaut - voice a", "astronaut - voice a.mp4"),
        ('a/b\\c:d*e?f"g<h>i|j', "a b c d e f g h i j.mp4"),
        ("../../etc/passwd", "etc passwd.mp4"),
        (".hidden. ", "hidden.mp4"),
        ("CON", "_CON.mp4"),
        ("lpt1.old", "_lpt1.old.mp4"),
        ("Console", "Console.mp4"),
        ("Zoe\u0308 und Ольга", "Zoë und Ольга.mp4"),
        ("???", "talking-portrait.mp4"),
        ("漢" * 80, "漢" * 60 + ".mp4"),
    ],
)
def test_a_file_has_a_name_that_every_system_takes(title: str, name: str) -> None:
    assert build_file_name(title, False, ".mp4") == name
    assert build_file_name(title, True, ".gif") == name.replace(".mp4", " - draft.gif")
