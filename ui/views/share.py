"""The link with which a video can be passed on, where results are published."""

from html import escape

from ui.session.page_state import JobView, PageState
from ui.strings import text
from ui.views.elements import button, day, message, sentence, small


def share(shown: PageState, job: JobView) -> str:
    """The way to the link, for the row of actions; empty where nothing is published."""
    published = job.published
    if not shown.has_bucket:
        return ""
    if published and published.url and published.is_open:
        return button(
            text.COPY_LINK,
            look="tp-tall",
            mark="link",
            data_copy=published.url,
            data_copied=text.LINK_COPIED,
        )
    if published and published.is_pending:
        return small(text.LINK_PENDING, data_tell="link")
    return button(text.MAKE_LINK, look="tp-tall", mark="link", data_do="publish")


def about_link(shown: PageState, job: JobView) -> str:
    """What is to be known of the link, or why there is none."""
    published = job.published
    if not shown.has_bucket or published is None:
        return ""
    if published.refusal:
        return message(published.refusal, text.LINK_MISSING, look=True)
    if published.is_open and published.expires:
        until = sentence(text.LINK_UNTIL, day=day(published.expires))
        return f'<p class="tp-small tp-soft">{until}</p>'
    return "" if published.is_pending else f'<p class="tp-small">{escape(text.LINK_EXPIRED)}</p>'
