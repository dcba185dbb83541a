"""Gradio theme with the page's design tokens.

Every colour is a CSS variable of `static/tokens.css`, which has other values in dark mode, so light
and dark need the same line here. The page is its own HTML; the theme serves the parts that Gradio
itself draws around it.
"""

import inspect
import re
from functools import cache

from ui.media.page_files import STATIC, read_page_colours
from ui.web.gradio import gr

_COLOURS = {
    "page": ["background_fill_secondary"],
    "surface": ["background_fill_primary", "block_background_fill", "input_background_fill"],
    "ink": ["body_text_color", "block_label_text_color", "block_title_text_color"],
    "ink-soft": ["body_text_color_subdued", "block_info_text_color", "input_placeholder_color"],
    "line": ["border_color_primary", "border_color_accent_subdued", "block_border_color"],
    "edge": ["border_color_accent", "input_border_color"],
    "pine": ["color_accent", "link_text_color", "loader_color", "input_border_color_focus"],
    "pine-hover": ["link_text_color_hover"],
    "pine-tint": ["color_accent_soft"],
    "bad": ["error_text_color", "error_border_color", "error_icon_color"],
    "bad-tint": ["error_background_fill"],
}
_TOKENS = STATIC / "tokens.css"
_SHAPES = {
    "body_text_size": "16px",
    "layout_gap": "0",
    "block_padding": "0",
    "block_radius": "12px",
    "container_radius": "12px",
    "block_border_width": "0",
    "block_shadow": "none",
}


class Studio(gr.themes.Base):
    """Theme of the page. Fonts are named, not downloaded: the page serves them itself."""

    def __init__(self) -> None:
        text = (gr.themes.Font("Hanken Grotesk"), "system-ui", "sans-serif")
        super().__init__(
            spacing_size=gr.themes.sizes.spacing_md,
            radius_size=gr.themes.sizes.radius_md,
            text_size=gr.themes.sizes.text_lg,
            font=text,
        )
        self.name = "studio"
        values = {name: f"var(--{token})" for token, names in _COLOURS.items() for name in names}
        values |= _SHAPES
        known = inspect.signature(gr.themes.Base.set).parameters
        dark = {f"{name}_dark": value for name, value in values.items()}
        values |= {name: value for name, value in dark.items() if name in known}
        light_page, dark_page = read_page_colours()
        values |= {"body_background_fill": light_page, "body_background_fill_dark": dark_page}
        super().set(**values)


@cache
def build_dark_rule() -> str:
    """Return a CSS rule with the dark tokens for browsers that prefer dark.

    On the page itself a script of Gradio's sets a class instead.
    """
    found = re.search(r"^\.dark (\{.*?^\})", _TOKENS.read_text(), re.MULTILINE | re.DOTALL)
    assert found, "tokens.css has no dark tokens"
    return f"@media (prefers-color-scheme: dark) {{ :root {found[1]} }}"
