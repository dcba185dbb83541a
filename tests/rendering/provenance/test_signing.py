"""A finished video says what it is, and whether it was changed."""

import json
import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import c2pa
import pytest

from inference.core.errors import FaultCode
from inference.core.events import Cancelled, Event, Failed, Finished
from inference.core.plan import make_plan
from inference.core.report import Aspect, Finding, Verdict, parse_report
from inference.core.settings import Settings
from inference.core.task import REPORT, RESULT, SOUND, Task, segment_name
from inference.media.video import join_segments
from inference.rendering.provenance.c2pa_file import read_credentials
from inference.rendering.provenance.credentials import Credentials, State, describe_credentials
from inference.rendering.provenance.identity import (
    ANCHORS,
    CERTIFICATE,
    load_identity,
    read_anchors,
)
from inference.rendering.provenance.marks import build_manifest, build_xmp_box
from inference.rendering.provenance.signing import sign_results
from presets.schema import EngineFamily
from tests.support.certificates import lay_certificate, make_chain, make_key, to_pem
from tests.support.media import decoded, read_boxes
from tests.support.scripted_engine import report, result, write_video
from tests.support.sounds import chirps, write_wav

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype"


@pytest.fixture
def made(task: Task, settings: Settings) -> Task:
    """A task whose video is finished, in a frame of 64x32."""
    lay_certificate(settings.data)
    write_video(task.prepare_path(segment_name(0)), 9)
    segments = [task.folder / segment_name(0)]
    sound = write_wav(task.folder / SOUND, chirps(24_000, 48_000))
    box = build_xmp_box(EngineFamily.DRAFT)
    join_segments(segments, sound, 9, task.folder / RESULT, {"title": "Talking Portrait"}, box)
    (task.folder / REPORT).write_bytes(report(task.plan).to_json())
    return task


def sign(task: Task, settings: Settings, *events: Event) -> list[Event]:
    said: Iterator[Event] = iter(events or [Finished(result(task.plan))])
    return list(sign_results(said, task, settings))


def read(video: Path, anchor: str = "") -> Credentials:
    """What is read of a video where that certificate is trusted."""
    (video.parent / ANCHORS).write_text(anchor)
    return read_credentials(video, video.parent / "report")


def found(task: Task) -> Finding:
    (one,) = (
        each
        for each in parse_report((task.folder / REPORT).read_bytes()).findings
        if each.aspect is Aspect.CREDENTIALS
    )
    return one


@pytest.mark.parametrize(
    ("quality", "model", "term", "agent"),
    [
        ("draft", None, "compositeSynthetic", {"name": "Talking Portrait, draft engine"}),
        ("best", "multitalk-14b", "trainedAlgorithmicMedia",
         {"name": "MultiTalk", "model": "multitalk-14b"}),
    ],
)  # fmt: skip
def test_a_finished_video_says_who_made_it_and_how(
    made: Task, settings: Settings, quality: str, model: str | None, term: str, agent: object
) -> None:
    request = replace(made.request, quality=quality, prompt="Ada Lovelace on a red wall.")
    made = Task(request, make_plan(request, 40), made.folder)
    frames = decoded(made.folder / RESULT)
    sign(made, settings, Finished(replace(result(made.plan), model=model)))
    with (made.folder / RESULT).open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        manifest = reader.get_active_manifest()
    assert manifest["claim_generator_info"][0]["name"] == "Talking Portrait"
    actions, content = manifest["assertions"]
    assert actions["data"]["actions"] == [
        {"action": "c2pa.created", "digitalSourceType": f"{IPTC}/{term}", "softwareAgent": agent}
    ]
    assert content["label"].startswith("c2pa.hash.bmff") and "title" not in manifest
    assert b"Ada" not in (made.folder / RESULT).read_bytes()
    with av.open(str(made.folder / RESULT)) as film:
        assert film.metadata["title"] == "Talking Portrait"
    signed = decoded(made.folder / RESULT)
    assert len(signed) == 9 and all((a == b).all() for a, b in zip(frames, signed, strict=True))


def test_xmp_names_the_digital_source_type_where_programs_look_for_it(made: Task) -> None:
    box = read_boxes(made.folder / RESULT)[-1]
    assert box[4:8] == b"uuid" and box[8:24].hex() == "be7acfcb97a942e89c71999491e3afac"
    assert f'DigitalSourceType="{IPTC}/compositeSynthetic"' in box.decode(errors="replace")
    assert b"trainedAlgorithmicMedia" in build_xmp_box(EngineFamily.MULTITALK)


def test_a_changed_byte_is_told(made: Task, settings: Settings) -> None:
    sign(made, settings)
    video = made.folder / RESULT
    boxes = read_boxes(video)
    assert [box[4:8] for box in boxes] == [b"ftyp", b"uuid", b"moov", b"free", b"mdat", b"uuid"]
    assert read(video).state is State.UNPROVED
    for at in (2, 4, 5):  # the index, pictures and sound, XMP
        changed = bytearray(boxes[at])
        changed[len(changed) // 2] ^= 1
        video.write_bytes(b"".join([*boxes[:at], changed, *boxes[at + 1 :]]))
        finding = describe_credentials(read(video))
        assert finding and finding.verdict is Verdict.FAIL
    video.write_bytes(b"".join(boxes) + (12).to_bytes(4, "big") + b"freehere")
    assert read(video).state is State.CHANGED


def test_credentials_that_are_damaged_are_told_or_change_nothing(
    made: Task, settings: Settings
) -> None:
    sign(made, settings)
    video = made.folder / RESULT
    boxes = read_boxes(video)
    for at in range(100, len(boxes[1]), 97):
        changed = bytearray(boxes[1])
        changed[at] ^= 8
        video.write_bytes(b"".join([boxes[0], changed, *boxes[2:]]))
        credentials = read(video)
        assert credentials.state in (State.CHANGED, State.UNPROVED, State.INVALID)
        assert credentials.signer.isprintable() and len(credentials.signer) <= 100


@pytest.mark.parametrize("ending", [b"hello from a host", bytes(3), -30])
def test_an_unsigned_file_is_never_called_changed(made: Task, ending: bytes | int) -> None:
    video = made.folder / RESULT
    content = video.read_bytes()
    video.write_bytes(content[:ending] if isinstance(ending, int) else content + ending)
    assert read(video).state is State.NONE


def test_a_signed_file_that_was_cut_off_is_called_changed(made: Task, settings: Settings) -> None:
    sign(made, settings)
    video = made.folder / RESULT
    video.write_bytes(video.read_bytes()[:-30])
    assert read(video).state is State.CHANGED


def test_saving_a_video_anew_drops_them(made: Task, settings: Settings) -> None:
    sign(made, settings)
    copy = made.folder / "copy.mp4"
    with av.open(str(made.folder / RESULT)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert read(copy) == Credentials(State.NONE) and describe_credentials(read(copy)) is None


def test_a_signature_is_proved_only_where_its_certificate_is_trusted(
    made: Task, settings: Settings
) -> None:
    sign(made, settings)
    video = made.folder / RESULT
    proved = read(video, read_anchors(settings))
    assert proved.state is State.PROVED and proved.signer.startswith("Talking Portrait ")
    assert read(video, make_chain(make_key())).state is State.UNPROVED
    finding = found(made)
    assert finding.verdict is Verdict.PASS and "not proved" in finding.message


def test_what_was_kept_of_a_stopped_video_is_signed_and_nothing_else(
    made: Task, settings: Settings
) -> None:
    failed = Failed(FaultCode.INTERNAL, "It broke.")
    assert sign(made, settings, failed) == [failed]
    assert sign(made, settings, Cancelled(0)) == [Cancelled(0)]
    assert read(made.folder / RESULT).state is State.NONE
    assert sign(made, settings, Cancelled(9, RESULT)) == [Cancelled(9, RESULT)]
    assert read(made.folder / RESULT).state is State.UNPROVED


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("nowhere.pem", "The certificate of this app can't be used."),
        (None, "This can't be read any more: its file certificate.pem is damaged"),
    ],
)
def test_a_video_that_can_t_be_signed_is_kept_and_says_so(
    made: Task, settings: Settings, setting: str | None, reason: str
) -> None:
    before = (made.folder / RESULT).read_bytes()
    (settings.data / CERTIFICATE).write_text("torn")
    (last,) = sign(made, replace(settings, certificate=setting))
    assert isinstance(last, Finished) and (made.folder / RESULT).read_bytes() == before
    assert found(made).verdict is Verdict.WARN and found(made).message.startswith(
        f"This video could not be signed. {reason}"
    )


def test_without_room_for_a_signature_the_video_stays_as_it_is(
    made: Task, settings: Settings
) -> None:
    before = (made.folder / RESULT).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
    sign(made, settings)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (made.folder / RESULT).read_bytes() == before
    assert found(made).verdict is Verdict.WARN
    assert not list(made.folder.glob("*.part"))


def test_no_other_machine_is_asked(made: Task, settings: Settings) -> None:
    """Neither for credentials that lie elsewhere nor whether a certificate was revoked."""
    video, key = made.folder / RESULT, make_key()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        own = replace(settings, certificate=to_pem(key) + make_chain(key, ocsp=address))
        sign(made, own)
        assert read(video).state is State.UNPROVED
        identity = load_identity(own)
        chain = "".join(identity.chain).encode()
        info = c2pa.C2paSignerInfo("es256", chain, identity.key.encode(), None)
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(build_manifest(EngineFamily.DRAFT, None))) as builder,
            video.open("rb") as source,
            (made.folder / "remote.mp4").open("w+b") as target,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"{address}manifest")
            builder.sign(signer, "video/mp4", source, target)
        assert read(made.folder / "remote.mp4").state is State.NONE
        with pytest.raises(BlockingIOError):
            listener.accept()
