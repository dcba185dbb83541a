"""The page's own files: joined, compressed once, and kept by browsers until they change.

Each address carries a hash of the content. Another hash, of a page that an older or newer server
gave, gets what is here, and the browser asks again next time.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from threading import Lock

import brotli
from fastapi import Request
from fastapi.responses import Response

from ui.media.joining import join_scripts, join_styles
from ui.media.serving import build_not_found
from ui.strings import text

STATIC = Path(__file__).parents[1] / "static"
STYLE_ROUTE = "/style"
SCRIPT, STYLES, MANIFEST = "joined.js", "joined.css", "manifest.json"
# in the order of the cascade
STYLE_NAMES = (
    "tokens",
    "page",
    "controls",
    "cards",
    "editors",
    "frame",
    "line",
    "lists",
    "report",
    "gradio",
    "forced",
)
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSIBLE = {".css", ".html", ".js", ".json", ".svg", ".txt"}
_LEAST_BYTES = 400  # a smaller file gains nothing
_BROTLI_QUALITY = 5  # 10 % larger than the best, in a hundredth of the time
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_PAGE_COLOUR = re.compile(r"--page: (#[0-9a-f]+);")
_URL = re.compile(r"url\((?!data:|/)([^)]+)\)")


@dataclass(frozen=True)
class PageFile:
    """File of the page, in memory."""

    suffix: str
    body: bytes

    @cached_property
    def hash(self) -> str:
        """Hash of the content, short enough for an address."""
        return hashlib.sha256(self.body).hexdigest()[:16]

    @cached_property
    def brotli(self) -> bytes:
        """The content, compressed."""
        packed: bytes = brotli.compress(self.body, quality=_BROTLI_QUALITY)
        return packed

    @cached_property
    def gzip(self) -> bytes:
        """The content, compressed for browsers that know no better way."""
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        return packer.compress(self.body) + packer.flush()

    @property
    def is_compressible(self) -> bool:
        return self.suffix in _COMPRESSIBLE and len(self.body) >= _LEAST_BYTES


class PageFiles:
    """Files of one folder, and others that are `made` of them, by name.

    Nothing else can be had. A file is read when it is first asked for, `adapted` if it is of that
    kind, and stays in memory. `immutable`: the folder's names change with their content.
    """

    def __init__(
        self,
        folder: Path,
        made: Mapping[str, Callable[[], str]] | None = None,
        adapted: Mapping[str, Callable[[str], str]] | None = None,
        immutable: bool = False,
    ) -> None:
        self._folder, self._made, self._adapted = folder, made or {}, adapted or {}
        self._immutable, self._lock = immutable, Lock()
        self._names = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        self._read: dict[str, PageFile] = {}

    def find(self, name: str) -> PageFile | None:
        """Return the file; None for any other name."""
        if name not in self._names and name not in self._made:
            return None
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> PageFile:
        suffix = Path(name).suffix
        if name in self._made:
            return PageFile(suffix, self._made[name]().encode())
        body = (self._folder / name).read_bytes()
        adapt = self._adapted.get(suffix)
        return PageFile(suffix, adapt(body.decode()).encode() if adapt else body)

    def answer(self, request: Request, name: str) -> Response:
        """Return the answer to a request for the file."""
        found = self.find(name)
        if found is None:
            return build_not_found()
        known = self._immutable or request.query_params.get("v") == found.hash
        headers = {"Cache-Control": _FOR_GOOD if known else _ASK_AGAIN, "ETag": f'"{found.hash}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        with self._lock:  # a crowd at the start compresses each once
            return build_answer(request, found, headers)


def build_answer(request: Request, file: PageFile, headers: dict[str, str]) -> Response:
    """Return the file with these headers, compressed if the browser takes that."""
    body = file.body
    if file.is_compressible:
        headers["Vary"] = "Accept-Encoding"
        accepted = request.headers.get("accept-encoding", "")
        if way := next((way for way in ("br", "gzip") if way in accepted), None):
            headers["Content-Encoding"] = way
            body = file.brotli if way == "br" else file.gzip
    media_type = _TYPES.get(file.suffix, "application/octet-stream")
    return Response(body, headers=headers, media_type=media_type)


@cache
def open_page_files() -> PageFiles:
    """Return the page's own files."""
    made: dict[str, Callable[[], str]] = {
        SCRIPT: partial(join_scripts, STATIC, "page"),
        STYLES: lambda: _name_fonts(join_styles(STATIC, STYLE_NAMES)),
        MANIFEST: _build_manifest,
    }
    return PageFiles(STATIC, made, {".css": _name_fonts})


def build_style_url(name: str) -> str:
    """Return the address of one of the page's own files."""
    found = open_page_files().find(name)
    assert found, f"there is no {name}"
    return f"{STYLE_ROUTE}/{name}?v={found.hash}"


def read_page_colours() -> tuple[str, str]:
    """Return the colour behind everything, light and dark."""
    light, dark = _PAGE_COLOUR.findall((STATIC / "tokens.css").read_text())
    return light, dark


def _name_fonts(style: str) -> str:
    """Return a style sheet that names other files by their full addresses."""
    return _URL.sub(lambda found: f"url({build_style_url(found[1])})", style)


def _build_manifest() -> str:
    """Return what a phone asks for when the page is put on its home screen."""
    light, _ = read_page_colours()
    icons = [
        {"src": build_style_url("icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        *(
            {"src": build_style_url(f"icon-{size}.png"), "sizes": f"{size}x{size}"}
            | {"type": "image/png", "purpose": purpose}
            for size in (192, 512)
            for purpose in ("any", "maskable")
        ),
    ]
    return json.dumps(
        {
            "id": "/",
            "name": text.TITLE,
            "short_name": text.TITLE,
            "description": text.DESCRIPTION,
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": light,
            "theme_color": light,
            "icons": icons,
        }
    )
