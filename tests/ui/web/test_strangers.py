"""Nobody waits for a stranger: neither for their files nor for the size of what they send."""

from contextlib import ExitStack
from pathlib import Path

from tests.support.page_sessions import Session
from tests.support.servers import serving
from ui.media.uploads import HEADER
from ui.strings import server_text, text


def test_no_thread_of_the_page_waits_for_a_file(tmp_path: Path) -> None:
    # more people than the page has threads
    with serving(tmp_path, pause_s=0, SCRIPTED_HANG="1") as server, ExitStack() as stack:
        me = stack.enter_context(Session(server.address))
        for _ in range(32):
            person = stack.enter_context(Session(server.address, like=me))
            answer = person.http.post("/upload?kind=voice", content=b"a", headers={HEADER: "1"})
            person.begin(do="voice", slot=0, upload=answer.json()["upload"], name="a.wav")
        me.http.timeout = 20  # of the hanging files, only a few would have been given up by then
        assert "tp-" in me.act(do="refresh")
        assert me.pulse()
        voice = {"do": "voice", "slot": 0, "upload": "0" * 32, "name": "a.wav"}
        assert text.PAGE_OLD in me.act("click", **voice)  # which would keep a thread waiting
        assert text.BROKE in me.act("upload", do="edit", what="trim")
        me.begin(do="voice", slot=0, upload="0" * 32, name="a.wav")
        server.stop()  # does not wait for them either


def test_only_files_may_be_large_and_no_other_name_leads_here(tmp_path: Path) -> None:
    with serving(tmp_path, pause_s=0) as server, Session(server.address) as visitor:
        whole, parts = b'"' + bytes(2**20) + b'"', (b"a" * 2**16 for _ in range(17))
        for body in (whole, parts):
            answer = visitor.http.post("/gradio_api/queue/join", content=body)
            assert answer.status_code == 413 and "too large" in answer.text
        assert visitor.http.post("/sign-in", content=whole).status_code == 413
        almost = visitor.http.post("/gradio_api/queue/join", content=b"a" * 2**20)
        assert almost.status_code == 422  # is read, and is no event
        upload = visitor.http.post("/upload?kind=voice", content=whole, headers={HEADER: "1"})
        assert upload.status_code == 200
        for path in ("/", "/healthz", "/api", "/nothing"):  # another site's name for this machine
            refused = visitor.http.get(path, headers={"Host": "evil.test"})
            assert (refused.status_code, refused.text) == (421, server_text.WRONG_HOST)
        assert visitor.http.get("/", headers={"Host": "localhost"}).status_code == 200
