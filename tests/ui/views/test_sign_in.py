"""The page in front of the page is whole without a script, and says what went wrong."""

import re

from tests.support.markup import tree
from ui.media.page_files import STATIC
from ui.strings import text
from ui.views.sign_in import FIELD, SIGN_IN, STYLES, sign_in
from ui.web.theme import build_dark_rule


def test_it_is_a_form_that_every_browser_and_password_manager_understands() -> None:
    page = tree(_body(sign_in("")))
    (form,) = page.all("form")
    assert form.attributes["method"] == "post" and form.attributes["action"] == SIGN_IN
    (label,) = form.all("label")
    (field,) = label.all("input")
    assert label.words == text.PASSWORD
    wanted = {"type": "password", "name": FIELD, "autocomplete": "current-password"}
    assert wanted.items() <= field.attributes.items()
    assert {"required", "autofocus"} <= field.attributes.keys()
    assert "value" not in field.attributes and "aria-invalid" not in field.attributes
    (button,) = form.all("button")
    assert button.words == text.SIGN_IN and "type" not in button.attributes
    assert [heading.words for heading in page.all("h1")] == [text.SIGN_IN]
    assert page.all(role="alert") == []
    assert "<script" not in sign_in("")


def test_a_problem_is_spoken_and_belongs_to_the_field() -> None:
    page = tree(_body(sign_in("", "Not <so>.")))
    (alert,) = page.all(role="alert")
    (field,) = page.all("input")
    (described,) = page.all(id=field.attributes["aria-describedby"])
    assert alert.words == described.words == "Not <so>."
    assert field.attributes["aria-invalid"] == "true"


def test_its_styles_are_there_and_dark_is_the_page_s_own() -> None:
    for name in STYLES:
        assert (STATIC / f"{name}.css").is_file()
    tokens = (STATIC / "tokens.css").read_text().partition(".dark {")[2].partition("}")[0]
    found = re.search(r"prefers-color-scheme: dark\) \{ :root \{(.*)\} \}", _dark(), re.DOTALL)
    assert found and found[1] == tokens
    assert "--page: #0d1311;" in tokens and "color-scheme: dark;" in tokens


def _dark() -> str:
    page = sign_in(build_dark_rule())
    return page.partition("<style>")[2].partition("</style>")[0]


def _body(page: str) -> str:
    """What is between the body's tags, whose void elements `tree` knows."""
    found = re.search(r"<body[^>]*>(.*)</body>", page, re.DOTALL)
    assert found
    return found[1]
