"""The shapes that a video can have, beside the picture."""

import pytest

from inference.core.inputs import Picture, Shape
from tests.support.markup import Node, tree
from tests.support.page_states import shown_of
from tests.support.sessions import LEFT
from ui.session.page_state import PageState, Phase
from ui.session.session import Choices, Session, StoredPicture
from ui.views import render


def side(shown: PageState) -> Node:
    return tree(render(shown).side)


def of_size(width: int, height: int, shape: Shape = Shape.LANDSCAPE) -> PageState:
    """A picture of that size with a face, and no voice yet."""
    given = StoredPicture("me.jpg", "picture.png", "picture.jpg", Picture(width, height, (LEFT,)))
    return shown_of(Session(picture=given, choices=Choices(shape=shape)), Phase.START, gpu=False)


def test_every_shape_stands_beside_the_picture_with_its_size() -> None:
    root = side(of_size(900, 1200))
    radios = {node.attributes["value"]: node for node in root.all("input", data_set="shape")}
    assert list(radios) == ["landscape", "portrait", "square", "picture", "16:9", "9:16"]
    assert [value for value, node in radios.items() if "checked" in node.attributes] == [
        "landscape"
    ]
    assert "Picture’s own 576 × 704" in root.words and "9:16 480 × 832" in root.words
    assert not any(node.all(data_set="shape") for node in root.all("details"))
    on_its_side = side(of_size(1200, 900))
    assert "Picture’s own 704 × 576" in on_its_side.words
    assert not side(shown_of(Session(), Phase.START, gpu=False)).all(data_set="shape")


@pytest.mark.parametrize(
    ("width", "height", "shape", "offered"),
    [
        (900, 1200, Shape.LANDSCAPE, "An upright picture: Portrait shows more of it."),
        (420, 600, Shape.LANDSCAPE, "The picture is narrower than the frame"),
        (420, 600, Shape.PORTRAIT, ""),
        (420, 600, Shape.TALL, ""),
        (900, 1200, Shape.SQUARE, ""),  # chosen: the person knows the shapes
        (1200, 900, Shape.LANDSCAPE, ""),
    ],
)
def test_an_upright_picture_offers_portrait(
    width: int, height: int, shape: Shape, offered: str
) -> None:
    root = side(of_size(width, height, shape))
    offers = root.all("button", data_do="set", data_field="shape", data_value="portrait")
    assert len(offers) == bool(offered)
    assert offered in root.words
