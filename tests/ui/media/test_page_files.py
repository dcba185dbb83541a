"""The page's own files: small on the way, kept by browsers, and nothing beside them."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ui.media.page_files import (
    MANIFEST,
    SCRIPT,
    STATIC,
    STYLE_NAMES,
    STYLES,
    PageFiles,
    build_style_url,
    open_page_files,
)

LONG = "/* so many words */\n" * 100


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    folder = tmp_path / "files"
    (folder / "inner").mkdir(parents=True)
    (folder / "long.js").write_text(LONG)
    (folder / "inner" / "short.css").write_text("a { color: red }")
    (tmp_path / "secret.js").write_text("secret")
    app = FastAPI()
    adapted = {".css": lambda style: style.replace("red", "blue")}
    files = PageFiles(folder, {"made.txt": lambda: "made"}, adapted)
    app.add_api_route("/style/{name:path}", files.answer, methods=["GET", "HEAD"])
    return TestClient(app)


@pytest.mark.parametrize(
    ("way", "unpack"), [("br", brotli.decompress), ("gzip", gzip.decompress), ("", bytes)]
)
def test_a_file_comes_compressed_as_the_browser_likes(
    client: TestClient, way: str, unpack: object
) -> None:
    accepted = {"Accept-Encoding": f"{way}, zstd"}
    with client.stream("GET", "/style/long.js", headers=accepted) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "") == way
    assert callable(unpack) and unpack(sent) == LONG.encode()
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript")


def test_a_file_is_kept_for_good_under_its_own_hash_alone(client: TestClient) -> None:
    found = client.get("/style/long.js")
    assert found.headers["cache-control"] == "no-cache"
    tag = found.headers["etag"]
    hashed = client.get(f"/style/long.js?v={tag.strip(chr(34))}")
    assert "immutable" in hashed.headers["cache-control"]
    older = client.get("/style/long.js?v=0123456789abcdef")  # of a server that was there before
    assert older.text == LONG and older.headers["cache-control"] == "no-cache"
    assert client.get("/style/long.js", headers={"If-None-Match": tag}).status_code == 304


def test_files_are_adapted_and_made(client: TestClient) -> None:
    assert client.get("/style/inner/short.css").text == "a { color: blue }"
    assert client.get("/style/made.txt").text == "made"


@pytest.mark.parametrize("name", ["../secret.js", "..%2fsecret.js", "inner", "", "none.js"])
def test_nothing_else_can_be_had(client: TestClient, name: str) -> None:
    answer = client.get(f"http://testserver/style/{name}")
    assert answer.status_code == 404 and "secret" not in answer.text


def test_the_page_s_styles_name_what_is_there(client: TestClient) -> None:
    sources = {path.stem for path in STATIC.glob("*.css")} - {"sign_in"}
    assert sources == set(STYLE_NAMES)
    files = open_page_files()
    styles = files.find(STYLES)
    assert styles
    for url in re.findall(r"url\(([^)]+)\)", styles.body.decode()):
        name = url.removeprefix("/style/").partition("?")[0]
        assert url == build_style_url(name)
    script, manifest = files.find(SCRIPT), files.find(MANIFEST)
    assert script and manifest
    for path in STATIC.glob("*.js"):
        assert f"---- {path.name}" in script.body.decode(), "page.js imports every module"
