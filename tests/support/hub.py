"""A small Hugging Face hub on this machine, for the real client.

The client reads its settings when it is imported, so it runs in a process of its own, with
`Hub.environment` and an HF_HOME of the test's (in the user's there may be a token).
"""

import hashlib
import json
import socket
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote

_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
_REFUSALS = {  # to whom the real hub doesn't know, it says 401 for what isn't there, too
    401: ("RepoNotFound", "Invalid username or password."),
    403: ("GatedRepo", "Access to this model is restricted. Ask for access on its page."),
    404: ("RepoNotFound", "Repository not found"),
}


class Hub(ThreadingHTTPServer):
    """Serves `folder/owner/name/...` as repository owner/name, as it lies there at each request.

    Content of more than `lfs_from` bytes comes from another host, "localhost", as on the real hub.
    What follows can be set at any time; "a file" is its "owner/name/path".

    `revisions`: by repository, further names of its one commit. `required_token`: for all of them.
    `refuse`: the status for a repository or a file; 403 is gated, where the listing stays open.
    `refuse_content`: a file's status when its content is asked for, not when its size and hash are.
    `tamper`: files sent with a wrong byte in the middle. `cut`: of which files each answer ends
    after that many bytes. `stall`: of which it waits there (`stalled` is set), until `release`.
    """

    def __init__(self, folder: Path, lfs_from: int = 1024) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.lfs_from, self.connections = folder, lfs_from, list[socket.socket]()
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.environment = {"HF_ENDPOINT": self.address, "HF_HUB_DISABLE_XET": "1"}
        self.environment |= dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
        self.revisions, self.tamper = dict[str, set[str]](), set[str]()
        self.refuse, self.refuse_content, self.cut, self.stall = (dict[str, int]() for _ in "1234")
        self.required_token: str | None = None
        self.slow_bytes_per_s: float | None = None
        self.fetched, self.bytes_sent = list[str](), Counter[str]()  # by file, of GETs of content
        self.stalled, self.closing, self.counting = Event(), Event(), Lock()
        self.daemon_threads = False  # so that closing waits for them

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def release(self) -> None:
        """Let what waits go on, and nothing wait any more."""
        self.stall.clear()
        self.stalled.clear()

    def commit(self, repo: str) -> str:
        return hashlib.sha1(repo.encode()).hexdigest()


class _Refusal(Exception): ...  # of a status, an X-Error-Code and an X-Error-Message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def handle(self) -> None:
        self.server.connections.append(self.connection)
        with suppress(ConnectionError):  # the client left
            if not self.server.closing.is_set():
                super().handle()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        address, _, query = self.path.partition("?")
        try:
            match [unquote(part) for part in address.strip("/").split("/")]:
                case ["api", "models", owner, name, ("revision" | "paths-info") as what, revision]:
                    self._tell(what, f"{owner}/{name}", revision, parse_qs(query + body))
                case ["api", "models", owner, name]:
                    self._tell("revision", f"{owner}/{name}", "main", parse_qs(query))
                case [owner, name, "resolve", revision, *path]:
                    self._resolve(f"{owner}/{name}", revision, "/".join(path))
                case ["lfs", owner, name, *path]:
                    self._content(f"{owner}/{name}/{'/'.join(path)}", {})
                case _:
                    raise _Refusal(404, "", "Not Found")
        except _Refusal as no:
            headers = {"X-Error-Code": no.args[1], "X-Error-Message": no.args[2]}
            self._send(no.args[0], headers, json.dumps({"error": no.args[2]}).encode())

    do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None: ...

    def _files(self, repo: str, revision: str, path: str = "") -> dict[str, Path]:
        """Those of the repository, if there's nothing against the request."""
        hub, at = self.server, self.server.folder / repo
        files = {p.relative_to(at).as_posix(): p for p in sorted(at.rglob("*")) if p.is_file()}
        status = hub.refuse.get(f"{repo}/{path}", 200)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hub.required_token and token not in ("", hub.required_token):
            raise _Refusal(401, "", "Invalid credentials in Authorization header")
        if (hub.required_token and not token) or not files:
            status = 404 if token else 401
        elif repo in hub.refuse and (path or hub.refuse[repo] != 403):
            status = hub.refuse[repo]
        elif revision not in {"main", hub.commit(repo)} | hub.revisions.get(repo, set()):
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif (path and path not in files) or status == 404:
            raise _Refusal(404, "EntryNotFound", "Entry not found")
        if status != 200:
            raise _Refusal(status, *_REFUSALS.get(status, ("", "Try again later.")))
        return files

    def _entry(self, file: Path) -> dict[str, Any]:
        """What git and, for a large file, LFS know it by; git has just a pointer to that."""
        kept = content = file.read_bytes()
        size, lfs = len(content), dict[str, Any]()
        if size > self.server.lfs_from:
            sha256 = hashlib.sha256(content).hexdigest()
            kept = (_POINTER % (sha256, size)).encode()
            lfs = {"oid": sha256, "sha256": sha256, "size": size, "pointerSize": len(kept)}
        oid = hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()
        return {"type": "file", "size": size, "oid": oid, "blobId": oid, "lfs": lfs or None}

    def _tell(self, what: str, repo: str, revision: str, form: dict[str, list[str]]) -> None:
        files, asked, all_ = self._files(repo, revision), form.get("paths", []), "blobs" in form
        answer: object = [{"path": p} | self._entry(files[p]) for p in asked if p in files]
        if what == "revision":
            siblings = [{"rfilename": p} | (self._entry(files[p]) if all_ else {}) for p in files]
            answer = {"id": repo, "sha": self.server.commit(repo), "siblings": siblings}
        self._send(200, {}, json.dumps(answer).encode())

    def _resolve(self, repo: str, revision: str, path: str) -> None:
        entry = self._entry(self._files(repo, revision, path)[path])
        lfs, headers = entry["lfs"], {"X-Repo-Commit": self.server.commit(repo)}
        if not lfs:
            return self._content(f"{repo}/{path}", headers | {"ETag": f'"{entry["oid"]}"'})
        headers |= {"X-Linked-Etag": f'"{lfs["oid"]}"', "X-Linked-Size": str(lfs["size"])}
        headers["Location"] = f"http://localhost:{self.server.server_port}/lfs/{repo}/{quote(path)}"
        self._send(302, headers, b"Found")

    def _content(self, name: str, headers: dict[str, str]) -> None:
        hub, content = self.server, bytearray((self.server.folder / name).read_bytes())
        if self.command == "GET" and name in hub.refuse_content:
            raise _Refusal(hub.refuse_content[name], "", "Try again later.")
        if content and name in hub.tamper:
            content[len(content) // 2] ^= 1
        start, end, status = 0, len(content), 200
        if asked := self.headers.get("Range", "").removeprefix("bytes="):
            first, _, last = asked.partition("-")
            status, start, end = 206, int(first), min(end, int(last or end) + 1)
            if start >= end:
                return self._send(416, {"Content-Range": f"bytes */{len(content)}"})
            headers = headers | {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self._send(status, headers | {"Accept-Ranges": "bytes", "Content-Length": str(end - start)})
        if self.command == "GET":
            hub.fetched.append(name)
            self._transfer(name, bytes(content[start:end]))

    def _transfer(self, name: str, content: bytes) -> None:
        hub, sent = self.server, 0
        end = min(len(content), hub.cut.get(name, len(content)))
        self.close_connection = end < len(content)
        while sent < end and not hub.closing.is_set():
            if hub.stall.get(name) == sent:
                hub.stalled.set()
            while hub.stall.get(name) == sent and not hub.closing.wait(0.02):
                pass
            rate, pause = hub.slow_bytes_per_s, hub.stall.get(name, 0)
            stop = min(end, sent + (max(1, int(rate / 20)) if rate else 1 << 16))
            stop = min(stop, pause) if pause > sent else stop
            self.wfile.write(content[sent:stop])
            with hub.counting:
                hub.bytes_sent[name] += stop - sent
            hub.closing.wait((stop - sent) / rate if rate else 0)
            sent = stop

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")
