"""Texts of the server: on the terminal, in its log, and to who comes under another name."""

from ui.strings.text import TITLE

WRONG_HOST = (
    "This page does not answer under this name. Open it at its usual address, or ask whoever runs "
    "it to add the name to PORTRAIT_HOSTS."
)
PROXY_NOT_NAMED = (
    "{address} sends addresses of visitors, which are not used. If it is your proxy, name it in "
    "PORTRAIT_PROXIES."
)


def serving_at(host: str, port: int) -> str:
    """Line on the terminal once the page can be opened."""
    return f"{TITLE} is at http://{host}:{port} (Ctrl-C ends it)."


def port_in_use(host: str, port: int) -> str:
    """Reason why the server can't start."""
    return f"Port {port} of {host} can't be used; another program may have it. Try another --port."
