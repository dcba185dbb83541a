"""What is typed becomes lines of one or two people, or one sentence why it does not."""

import pytest

from inference.core.errors import InputError
from ui.session.dialogue import parse_lines, warn_of_language


def said(typed: str, two: bool = True) -> list[tuple[int, str]]:
    return [(line.speaker, line.words) for line in parse_lines(typed, two)]


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("Hello.", [(0, "Hello.")]),
        ("1: Hello.\n2: Hi there.", [(0, "Hello."), (1, "Hi there.")]),
        ("left: Hello.\nStill me.\n\nRIGHT : Hi.", [(0, "Hello."), (0, "Still me."), (1, "Hi.")]),
        ("Ben: Hi.\nAnna B.: Oh.\nBEN: Yes: no.", [(0, "Hi."), (1, "Oh."), (0, "Yes: no.")]),
        ("Note: this\nis one.", [(0, "Note: this"), (0, "is one.")]),
        ("1: Hello.\n2:\n2: 😀\n2: 42", [(0, "Hello."), (1, "42")]),
        ("Café Größe\n...", [(0, "Café Größe")]),
        ("Анна: Hi, Анна.\nBen: नमस्ते Oh.", [(0, "Hi, ."), (1, "Oh.")]),
        ("We meet later.\n2:30 is fine.", [(0, "We meet later."), (0, "2:30 is fine.")]),
        ("My message is this: be kind.", [(0, "My message is this: be kind.")]),
    ],
)
def test_lines_of_two(typed: str, lines: list[tuple[int, str]]) -> None:
    assert said(typed) == lines


def test_one_person_says_everything() -> None:
    assert said("Note: this.\nAnna: that.", two=False) == [(0, "Note: this."), (0, "Anna: that.")]
    assert said("2: Hello.", two=False) == [(0, "Hello.")]


@pytest.mark.parametrize(
    ("typed", "two", "sentence"),
    [
        (" \n", True, "There is nothing to speak yet. Type a sentence."),
        ("... 😀 !", True, "There are no words in this text. Type a sentence in English."),
        ("1:\n2: ?", True, "There are no words in this text. Type a sentence in English."),
        ("1: 你好\n2: नमस्ते", True, "“你” can't be read aloud: the voice is English. "
         "Use Latin letters."),
        ("a" * 2001, False, "This text has 2001 characters; 2000 are the most. Shorten it."),
        ("A: x\nB: y\nC: z", True, "3 people have lines in this text; two can speak. "
         "Use two names."),
        ("1: x\n2: y", False, "These lines are for two people, and only one speaks here. "
         "Give a picture of two people, or leave out 1: and 2:."),
    ],
)  # fmt: skip
def test_what_nobody_can_say_is_refused_in_a_sentence(typed: str, two: bool, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_lines(typed, two)
    assert caught.value.message == sentence


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "OK",
        "42, 3.14 and 2:30",
        "Wolfgang Amadeus Mozart",
        "Juan de la Cruz met Søren Kierkegaard in Rio de Janeiro",
        "Dr. Müller lives in München",
        "Bonjour!",
        "Café olé",
        "Ha ha ha",
        "blah blah blah blah blah blah blah blah blah blah blah",
        "red blue green yellow orange purple black white grey",
        "Mix flour, sugar, butter, salt, eggs, milk, vanilla, cocoa",
        "1: Hello there.\n2: Hi, how are you?\n1: Fine.",
        "Don’t. It’s Ana’s.",
        "Die Hard is a great movie.",
    ],
)
def test_short_english_names_and_numbers_are_not_warned_of(typed: str) -> None:
    assert warn_of_language(typed) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "Guten Tag, mein Name ist Anna.",
        "Das ist ein schöner Tag heute",
        "Bonjour, comment allez-vous?",
        "J’habite à Paris, et je m’appelle Marie.",
        "Hola, ¿cómo estás?",
        "Ciao, come stai oggi?",
        "Olá, tudo bem com você?",
        "Bonjour tout le monde",
        "La casa es grande",
        "Grüezi mitenand",
        "Hallo, hoe gaat het met je?",
        "Hej, hur mår du idag?",
        "Dzień dobry, jak się masz?",
        "Merhaba, nasılsın?",
        "Xin chào, bạn khỏe không?",
        "habari gani rafiki yangu leo tunakwenda sokoni kununua matunda mengi",  # in no list
    ],
)
def test_another_language_is_warned_of(typed: str) -> None:
    assert warn_of_language(typed).startswith("This does not look like English")


@pytest.mark.parametrize("typed", ["Привет", "你好，我们开始吧", "مرحبا", "नमस्ते", "Hello 你"])
def test_letters_that_are_left_out_are_warned_of(typed: str) -> None:
    assert "and the like are left out" in warn_of_language(typed)
