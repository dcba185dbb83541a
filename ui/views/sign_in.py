"""The page in front of the page: a form for the password, whole without any script."""

from html import escape

from ui.media.page_files import build_style_url
from ui.strings import text
from ui.views.bar import foot, mark
from ui.views.elements import attributes, message
from ui.views.frame import silhouette

SIGN_IN = "/sign-in"  # where the form goes
FIELD = "password"
STYLES = ("tokens", "page", "controls", "frame", "gradio", "sign_in")  # in order
_PROBLEM = "problem"  # the id of what went wrong
_HEAD_AND_SHOULDERS = "320 62 640 320"  # of the silhouette
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{styles}
<style>{dark}</style>
<link rel="icon" type="image/svg+xml" href="{icon}">
</head>
<body class="gradio-container">
<div class="tp-door">
<header class="tp-top">{mark}</header>
<main>
<div class="tp-frame">{silhouette}</div>
<h1>{heading}</h1>
<p class="tp-soft">{lead}</p>
{problem}
<form class="tp-fields" method="post" action="{action}">
<label>{label}<input{input}></label>
<button class="tp-btn tp-go">{button}</button>
</form>
</main>
{foot}
</div>
</body>
</html>
"""


def sign_in(dark: str, problem: str = "") -> str:
    """The page as HTML. `dark` is a rule with the dark tokens, `problem` what went wrong."""
    field = attributes(
        type="password",
        name=FIELD,
        autocomplete="current-password",
        required=True,
        autofocus=True,
        aria_invalid="true" if problem else None,
        aria_describedby=_PROBLEM if problem else None,
    )
    links = (f'<link rel="stylesheet" href="{build_style_url(f"{name}.css")}">' for name in STYLES)
    return _PAGE.format(
        title=escape(text.tab_title(text.SIGN_IN)),
        styles="\n".join(links),
        icon=build_style_url("icon.svg"),
        dark=dark,
        mark=mark(),
        silhouette=silhouette(_HEAD_AND_SHOULDERS),
        heading=escape(text.SIGN_IN),
        lead=escape(text.SIGN_IN_LEAD),
        problem=f'<div id="{_PROBLEM}">{message(problem)}</div>' if problem else "",
        action=SIGN_IN,
        label=escape(text.PASSWORD),
        input=field,
        button=escape(text.SIGN_IN),
        foot=foot(),
    )
