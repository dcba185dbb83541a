"""Declarations about a video that travel in its file: IPTC's digital source type, C2PA's action.

A final video is IPTC's "trained algorithmic media". A draft is a still picture that is moved: a
composite with a synthetic part, of which IPTC's stricter term is taken, because the person in it
never moved like that.
"""

from typing import Any

from presets.schema import EngineFamily

NAME = "Talking Portrait"  # the claim generator, and the organisation of certificates made here
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype"
_AGENTS = {EngineFamily.DRAFT: f"{NAME}, draft engine", EngineFamily.MULTITALK: "MultiTalk"}
_XMP_BOX_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification, part 3
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' Iptc4xmpExt:DigitalSourceType="{}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def find_source_type(family: EngineFamily) -> str:
    """Return the address of IPTC's term for the videos of an engine family."""
    term = "trainedAlgorithmicMedia" if family.needs_gpu else "compositeSynthetic"
    return f"{_SOURCE_TYPES}/{term}"


def build_xmp_box(family: EngineFamily) -> bytes:
    """Return the box with the digital source type, for the end of an mp4."""
    content = _XMP_BOX_ID + _XMP.format(find_source_type(family)).encode()
    return (8 + len(content)).to_bytes(4, "big") + b"uuid" + content


def build_manifest(family: EngineFamily, model: str | None) -> dict[str, Any]:
    """Return the definition of a C2PA manifest: who made the video, how, and with which model."""
    agent = {"name": _AGENTS[family]} | ({"model": model} if model else {})
    made = {
        "action": "c2pa.created",
        "digitalSourceType": find_source_type(family),
        "softwareAgent": agent,
    }
    actions = {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [made]}}
    return {"claim_generator_info": [{"name": NAME}], "assertions": [actions]}
