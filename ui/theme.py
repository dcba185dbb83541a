"""The look's tokens as a Gradio theme.

Every colour is a CSS variable of `static/studio.css`, which changes them in the dark; so light
and dark need the same line here.
"""

import inspect

from gradio.themes.base import Base
from gradio.themes.utils import fonts, sizes

_COLOURS = {
    "page": ["background_fill_secondary"],
    "surface": [
        "background_fill_primary",
        "block_background_fill",
        "input_background_fill",
        "button_secondary_background_fill",
    ],
    "sunken": ["button_secondary_background_fill_hover"],
    "ink": [
        "body_text_color",
        "block_label_text_color",
        "block_title_text_color",
        "button_secondary_text_color",
    ],
    "ink-soft": ["body_text_color_subdued", "block_info_text_color", "input_placeholder_color"],
    "line": ["border_color_primary", "border_color_accent_subdued", "block_border_color"],
    "edge": [
        "border_color_accent",
        "input_border_color",
        "button_secondary_border_color",
        "button_secondary_border_color_hover",
    ],
    "pine": [
        "color_accent",
        "link_text_color",
        "loader_color",
        "input_border_color_focus",
        "button_primary_background_fill",
        "button_primary_border_color",
    ],
    "pine-hover": ["button_primary_background_fill_hover", "link_text_color_hover"],
    "on-pine": ["button_primary_text_color", "button_primary_text_color_hover"],
    "pine-tint": ["color_accent_soft"],
    "bad": ["error_text_color", "error_border_color", "error_icon_color"],
    "bad-tint": ["error_background_fill"],
}
# Gradio paints the ground before it loads the style sheet that holds the tokens.
_GROUND = {"body_background_fill": "#f3f6f4", "body_background_fill_dark": "#0d1311"}
_SHAPES = {
    "body_text_size": "16px",
    "layout_gap": "24px",
    "block_padding": "0",
    "block_radius": "12px",
    "container_radius": "12px",
    "block_border_width": "1px",
    "block_shadow": "none",
    "button_large_radius": "8px",
    "button_large_padding": "0 24px",
    "button_large_text_size": "18px",
    "button_large_text_weight": "600",
    "button_medium_radius": "8px",
    "button_medium_padding": "0 16px",
    "button_medium_text_size": "16px",
    "button_medium_text_weight": "600",
    "button_border_width": "1px",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
}


class Studio(Base):
    """The product's look. Fonts are named, not fetched: the page serves them itself."""

    def __init__(self) -> None:
        text = (fonts.Font("Hanken Grotesk"), "system-ui", "sans-serif")
        super().__init__(
            spacing_size=sizes.spacing_md,
            radius_size=sizes.radius_md,
            text_size=sizes.text_lg,
            font=text,
        )
        self.name = "studio"
        values = {name: f"var(--{token})" for token, names in _COLOURS.items() for name in names}
        values |= _SHAPES
        known = inspect.signature(Base.set).parameters
        dark = {f"{name}_dark": value for name, value in values.items()}
        values |= {name: value for name, value in dark.items() if name in known} | _GROUND
        super().set(**values)
