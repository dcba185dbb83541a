"""The regions in the places in which Gradio will put them, for the time until it has."""

from ui.views import Regions
from ui.views.elements import attributes


def shell(regions: Regions, version: str) -> str:
    """The page before Gradio; `version` is that of the regions, '' when they have changed since.

    Elements and ids are those of Gradio's layout, so that the same style sheets lay them out.
    """

    def region(name: str) -> str:
        return f'<div id="tp-{name}" class="block">{getattr(regions, name)}</div>'

    told = attributes(id="tp-shell", class_="gradio-container", data_version=version)
    return (
        f'<div{told}><div class="main">{region("top")}<main class="contain"><div class="column">'
        f'{region("head")}<div id="tp-grid" class="row">'
        f'<div id="tp-left" class="column">{region("side")}</div>'
        f'<div id="tp-right" class="column">{region("stage")}</div></div>'
        f"{region('below')}{region('history')}</div></main>{region('foot')}</div></div>"
    )
