"""Content credentials in an mp4, by the library of C2PA: signing it, and reading what it says.

The library never uses the network: no remote manifests, no OCSP, no time stamps.
"""

import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from inference.core.errors import Fault, FaultCode, InputCode, InputError
from inference.rendering.provenance.credentials import Credentials, State
from inference.rendering.provenance.identity import ANCHORS, Identity
from inference.rendering.provenance.marks import build_manifest
from presets.schema import EngineFamily

_FORMAT = "video/mp4"
# Purposes of a certificate: protecting e-mail, signing documents, and C2PA's own.
_PURPOSES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
_TRUST = {"trust_config": "\n".join(_PURPOSES)}
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "trust": _TRUST,
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {
        "thumbnail": {"enabled": False},
        "bmff_hash_exclude_free_and_skip_boxes": False,  # a change there is one, too
    },
}
_SMALL_PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"></svg>'
_BOX_ID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # of C2PA's box, in any mp4
_CERTIFICATE_CODE = "signingCredential."  # of a fault of the certificate alone, not of the file
_UNTRUSTED = "signingCredential.untrusted"
_MAX_CHARS = 100


def sign_video(
    video: Path, identity: Identity, family: EngineFamily, model: str | None = None
) -> None:
    """Add signed content credentials to the mp4, in one step. Raises InputError, Fault, OSError."""
    part = video.with_name(f"{video.name}.part")
    manifest = build_manifest(family, model)
    try:
        with video.open("rb") as source, part.open("w+b") as target:
            _sign(manifest, identity, _FORMAT, source, target)
        os.replace(part, video)
    finally:
        part.unlink(missing_ok=True)


def try_signing(identity: Identity) -> None:
    """Sign something small. Raises InputError for a certificate that is not for signing media."""
    manifest = build_manifest(EngineFamily.DRAFT, None)
    _sign(manifest, identity, "image/svg+xml", io.BytesIO(_SMALL_PICTURE), io.BytesIO())


def _sign(
    manifest: dict[str, Any],
    identity: Identity,
    file_format: str,
    source: BinaryIO,
    target: BinaryIO,
) -> None:
    chain = "".join(identity.chain).encode()
    info = c2pa.C2paSignerInfo(identity.algorithm, chain, identity.key.encode(), None)
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(json.dumps(manifest), context=context) as builder,
        ):
            builder.sign(signer, file_format, source, target)
    except (c2pa.C2paError.Signature, c2pa.C2paError.Verify) as error:
        message = "PORTRAIT_CERTIFICATE has a certificate that is not for signing documents."
        raise InputError(
            InputCode.BAD_OPTION, f"{message} Take one that is.", str(error)
        ) from error
    except c2pa.C2paError as error:
        message = "It could not be written; the disk may be full."
        raise Fault(FaultCode.INTERNAL, message, str(error)) from error


def read_credentials(video: Path, target: Path) -> Credentials:
    """Return what the content credentials of an untrusted file are worth.

    The certificates in the file ANCHORS beside `target`, which may be empty, are trusted.
    """
    anchors = (target.parent / ANCHORS).read_text()
    settings = _SETTINGS | ({"trust": _TRUST | {"user_anchors": anchors}} if anchors else {})
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            video.open("rb") as file,
            c2pa.Reader(_FORMAT, file, context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            results = reader.get_validation_results() or {}
            state = str(reader.get_validation_state())
    except c2pa.C2paError:  # none, none here, damaged ones, or a file that is no whole mp4
        return Credentials(State.CHANGED if _has_box(video) else State.NONE)
    signature = manifest.get("signature_info") or {}
    signer = str(signature.get("common_name") or signature.get("issuer") or "")
    return Credentials(_find_state(state, results), _clean(signer), _find_source_type(manifest))


def _has_box(video: Path) -> bool:
    """Return whether C2PA's box is among the file's outermost ones, however they end."""
    with video.open("rb") as file:
        start, end = 0, file.seek(0, os.SEEK_END)
        while start < end:
            file.seek(start)
            head = file.read(32)
            length, at = int.from_bytes(head[:4], "big"), 8
            if length == 1:  # a longer number follows
                length, at = int.from_bytes(head[8:16], "big"), 16
            if head[4:8] == b"uuid" and head[at : at + 16] == _BOX_ID:
                return True
            start += length if length >= at else end  # 0: up to the end
    return False


def _clean(text: str) -> str:
    """Return as much of a text from a file as a terminal and the page may show."""
    return "".join(filter(str.isprintable, text))[:_MAX_CHARS]


def _find_source_type(manifest: dict[str, Any]) -> str:
    """Return the digital source type of the action that created the file; "" without one."""
    for assertion in manifest.get("assertions") or []:
        match assertion:
            case {"data": {"actions": [{"digitalSourceType": str(source_type)}, *_]}}:
                return _clean(source_type)
    return ""


def _find_state(state: str, results: dict[str, Any]) -> State:
    if state == "Trusted":
        return State.PROVED
    found = (results.get("activeManifest") or {}).get("failure") or []
    codes = {str(each.get("code")) for each in found}
    if state == "Valid" and codes <= {_UNTRUSTED}:
        return State.UNPROVED
    only_signer = codes and all(code.startswith(_CERTIFICATE_CODE) for code in codes)
    return State.INVALID if only_signer else State.CHANGED
