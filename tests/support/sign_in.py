"""The sign-in page as a browser meets it."""

import re

from httpx2 import Response
from starlette.testclient import TestClient

from ui.strings import text
from ui.views.sign_in import FIELD, SIGN_IN

SIGNED_OUT = {"message": text.SIGNED_OUT}


def give(client: TestClient, password: str, **headers: str) -> Response:
    """Send the form."""
    return client.post(SIGN_IN, data={FIELD: password}, headers=headers, follow_redirects=False)


def said(answer: Response) -> str:
    """What went wrong, on the sign-in page; "" when nothing did."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{text.SIGN_IN}</h1>" in answer.text and "value=" not in answer.text
    found = re.search(r'role="alert">.*?<p>(.*?)</p>', answer.text)
    return found[1] if found else ""
