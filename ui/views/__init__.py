"""HTML of the page, from `ui.session.page_state` alone.
It asks nothing and changes nothing.
"""

from dataclasses import dataclass

from ui.session.page_state import PageState
from ui.views.bar import foot, top
from ui.views.below import below
from ui.views.head import headline
from ui.views.history import history
from ui.views.side import side
from ui.views.stage import stage


@dataclass(frozen=True)
class Regions:
    """The regions of the page, from top to bottom, each as HTML."""

    top: str
    head: str
    side: str
    stage: str
    below: str
    history: str
    foot: str


def render(shown: PageState) -> Regions:
    """The whole page at one moment."""
    return Regions(
        top=top(shown),
        head=headline(shown),
        side=side(shown),
        stage=stage(shown),
        below=below(shown),
        history=history(shown),
        foot=foot(shown.has_permission, shown.session.asking == "take-back"),
    )
