"""Content credentials in an mp4, by the library of C2PA: signing it, and reading what it says.

The library never uses the network: no remote manifests, no OCSP, no time stamps.
"""

import json
import os
from pathlib import Path
from typing import Any

import c2pa

from inference.core.errors import Fault, FaultCode
from inference.rendering.provenance.credentials import Credentials, State
from inference.rendering.provenance.identity import ANCHOR, Identity
from inference.rendering.provenance.marks import build_manifest
from presets.schema import EngineFamily

_FORMAT = "video/mp4"
_SETTINGS: dict[str, Any] = {
    "version": 1,
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {
        "thumbnail": {"enabled": False},
        "bmff_hash_exclude_free_and_skip_boxes": False,  # a change there is one, too
    },
}
_NONE = (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.RemoteManifest)
_CERTIFICATE_CODE = "signingCredential."  # of a fault of the certificate alone, not of the file
_UNTRUSTED = "signingCredential.untrusted"
_MAX_CHARS = 100


def sign_video(
    video: Path, identity: Identity, family: EngineFamily, model: str | None = None
) -> None:
    """Add signed content credentials to the mp4, in one step. Raises Fault, OSError."""
    part = video.with_name(f"{video.name}.part")
    chain = "".join(identity.chain).encode()
    info = c2pa.C2paSignerInfo(identity.algorithm, chain, identity.key.encode(), None)
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(json.dumps(build_manifest(family, model)), context=context) as builder,
            video.open("rb") as source,
            part.open("w+b") as target,
        ):
            builder.sign(signer, _FORMAT, source, target)
        os.replace(part, video)
    except c2pa.C2paError as error:
        message = "The certificate of this app can't sign videos. Check it with doctor."
        if isinstance(error, c2pa.C2paError.Io):
            message = "It could not be written; the disk may be full."
        raise Fault(FaultCode.INTERNAL, message, str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def read_credentials(video: Path, target: Path) -> Credentials:
    """Return what the content credentials of an untrusted file are worth.

    The certificate in the file ANCHOR beside `target`, which may be empty, is trusted.
    """
    anchor = (target.parent / ANCHOR).read_text()
    settings = _SETTINGS | ({"trust": {"user_anchors": anchor}} if anchor else {})
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            video.open("rb") as file,
            c2pa.Reader(_FORMAT, file, context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            results = reader.get_validation_results() or {}
            state = str(reader.get_validation_state())
    except _NONE:
        return Credentials(State.NONE)
    except c2pa.C2paError:
        return Credentials(State.CHANGED)
    signature = manifest.get("signature_info") or {}
    signer = str(signature.get("common_name") or signature.get("issuer") or "")
    return Credentials(_find_state(state, results), _clean(signer), _find_source_type(manifest))


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
    return State.EXPIRED if only_signer else State.CHANGED
