"""Whatever a hostile file does to its decoder is one sentence here, and nothing is left behind.

The functions whose names start with an underscore play such decoders, in the child process.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.core.errors import Fault, FaultCode, InputCode, InputError, PortraitError
from inference.core.settings import ROOT
from inference.media.ingest import (
    PICTURE_OPERATION,
    RECORDING_OPERATION,
    read_picture,
    read_recording,
)
from inference.media.sandbox.child import Order
from inference.media.sandbox.runner import DECODING_BUDGET, DIRECT, Budget, Call, Operation, Sandbox
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.sounds import chirps, read_wav, write_wav


@dataclass(frozen=True)
class _Said:
    words: str


def _finish(source: Path, target: Path) -> _Said:
    target.write_bytes(b"done")
    return _Said(f"{sys.stdin.read()}{sorted(os.environ)}")


def _segfault(source: Path, target: Path) -> _Said:
    target.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def _be_killed(source: Path, target: Path) -> _Said:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _hang(source: Path, target: Path) -> _Said:
    with suppress(OSError):
        target.write_bytes(b"half")
    time.sleep(60)
    target.with_name("waited").touch()
    raise AssertionError


def _spin(source: Path, target: Path) -> _Said:
    while True:
        pass


def _fill_memory(source: Path, target: Path) -> _Said:
    target.write_bytes(b"half")
    hoard = [np.empty(2**27, np.uint8) for _ in range(16)]  # 2 GiB
    return _Said(str(len(hoard)))


def _fill_disk(source: Path, target: Path) -> _Said:
    with target.open("wb") as file:
        for _ in range(200):
            file.write(bytes(2**20))
    return _Said("")


def _meet_a_full_disk(source: Path, target: Path) -> _Said:
    raise OSError(errno.ENOSPC, "No space left on device")


def _have_a_bug(source: Path, target: Path) -> _Said:
    target.write_bytes(b"half")
    raise ZeroDivisionError("our own")


def playing(
    name: str, of: Operation = PICTURE_OPERATION, budget: Budget = DECODING_BUDGET
) -> Operation:
    return replace(of, entry=f"tests.media.test_sandbox:{name}", budget=budget)


def check_refused(operation: Operation, tmp_path: Path) -> PortraitError:
    """What carrying out the operation raises; nothing may be left of its target."""
    with pytest.raises(PortraitError) as caught:
        DIRECT.run(Call(operation, VOICE_A, tmp_path / "target"))
    assert not (tmp_path / "target").exists()
    assert caught.value.message.endswith(".") and "\n" not in caught.value.message
    return caught.value


def test_the_child_answers_and_has_no_input_and_no_secrets(tmp_path: Path) -> None:
    os.environ["SECRET_OF_THE_TEST"] = "1"
    try:
        (answer,) = DIRECT.run(Call(playing("_finish"), VOICE_A, tmp_path / "target"))
    finally:
        del os.environ["SECRET_OF_THE_TEST"]
    assert "SECRET_OF_THE_TEST" not in answer["words"] and "HOME" not in answer["words"]
    assert (tmp_path / "target").read_bytes() == b"done"


@pytest.mark.parametrize("name", ["_segfault", "_be_killed"])
@pytest.mark.holds("decoding", "kill", "a crash is one sentence; nothing is left")
def test_a_crash_is_one_sentence(name: str, tmp_path: Path) -> None:
    error = check_refused(playing(name), tmp_path)
    assert error.code == InputCode.NOT_A_PICTURE and "could not be opened" in error.message
    error = check_refused(playing(name, RECORDING_OPERATION), tmp_path)
    assert error.code == InputCode.NOT_A_RECORDING and "This recording" in error.message


def test_taking_too_long_is_one_sentence(tmp_path: Path) -> None:
    error = check_refused(playing("_hang", budget=Budget(20, wall_s=1.0)), tmp_path)
    assert error.code == InputCode.NOT_A_PICTURE and "takes too long" in error.message


def test_using_too_much_processor_time_is_one_sentence(tmp_path: Path) -> None:
    error = check_refused(playing("_spin", budget=Budget(1, wall_s=60)), tmp_path)
    assert error.code == InputCode.NOT_A_PICTURE and "takes too long" in error.message
    assert PICTURE_OPERATION.budget == RECORDING_OPERATION.budget == Budget(20, 40)


def test_a_child_whose_parent_is_gone_ends_as_well(tmp_path: Path) -> None:
    order = Order("tests.media.test_sandbox:_hang", "a", str(tmp_path / "target"), 20, 0.5)
    command = [sys.executable, "-m", "inference.media.sandbox.child"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(asdict(order)), text=True)
    assert done.returncode == -signal.SIGALRM


def test_one_wrong_file_ends_the_others(tmp_path: Path) -> None:
    wrong = playing("_segfault")
    endless = playing("_hang", RECORDING_OPERATION, Budget(20, wall_s=100))
    calls = [Call(wrong, VOICE_A, tmp_path / "a"), Call(endless, VOICE_A, tmp_path / "b")]
    with pytest.raises(InputError, match="could not be opened"):
        DIRECT.run(*calls)
    assert not list(tmp_path.iterdir())  # nor was the other one waited for


def test_a_closed_sandbox_ends_its_children_and_takes_no_more(tmp_path: Path) -> None:
    sandbox, target = Sandbox(), tmp_path / "target"
    closing = threading.Thread(target=_close_when, args=(sandbox, target))
    closing.start()
    for _ in range(2):
        with pytest.raises(Fault, match="The server is being stopped"):
            sandbox.run(Call(playing("_hang"), VOICE_A, target))
        assert not target.exists()
    closing.join()


def _close_when(sandbox: Sandbox, appears: Path) -> None:
    while not appears.exists():
        time.sleep(0.01)
    sandbox.close()


def test_an_interrupt_ends_the_children_at_once(tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from inference.media import ingest\n"
        "ingest.PICTURE_OPERATION = replace("
        "ingest.PICTURE_OPERATION, entry='tests.media.test_sandbox:_hang')\n"
        "ingest.ingest_files(Path(sys.argv[1]), Path(sys.argv[2]), [Path(sys.argv[3])])"
    )
    command = [sys.executable, "-c", code, str(clean), str(ASTRONAUT), str(VOICE_A)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, process_group=0) as process:
        while not (clean / "picture.png").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=DECODING_BUDGET.wall_s / 2) != 0
    assert not list(clean.iterdir())


def test_taking_too_much_memory_is_one_sentence(tmp_path: Path) -> None:
    error = check_refused(playing("_fill_memory"), tmp_path)
    assert error.code == InputCode.PICTURE_TOO_LARGE and "too much memory" in error.message
    error = check_refused(playing("_fill_memory", RECORDING_OPERATION), tmp_path)
    assert error.code == InputCode.RECORDING_TOO_LARGE


@pytest.mark.holds("decoding", "full disk", "told as ours, not as the file's")
def test_output_is_limited_and_a_full_disk_is_no_fault_of_the_file(tmp_path: Path) -> None:
    assert isinstance(check_refused(playing("_fill_disk"), tmp_path), Fault)
    assert check_refused(playing("_meet_a_full_disk"), tmp_path).code == FaultCode.DISK_FULL


def test_our_own_bug_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    error = check_refused(playing("_have_a_bug"), tmp_path)
    assert error.code == FaultCode.INTERNAL
    assert "ZeroDivisionError" in error.details and "Zero" not in error.message


def test_a_picture_is_measured_and_cleaned(tmp_path: Path) -> None:
    picture = read_picture(ASTRONAUT, tmp_path / "clean.png")
    (face,) = picture.faces
    assert (picture.width, picture.height) == (512, 512)
    assert face.box.left < 227 < face.box.right and face.box.top < 122 < face.box.bottom
    with Image.open(tmp_path / "clean.png") as clean:
        assert (clean.mode, clean.size) == ("RGB", (512, 512))


def test_a_picture_without_a_face_is_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "a.jpg")
    picture = read_picture(tmp_path / "a.jpg", tmp_path / "clean.png")
    assert (picture.width, picture.height, picture.faces) == (300, 200, ())


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("PNG", "RGBA", {"compress_level": 1}),
        ("WEBP", "RGBA", {"lossless": True, "method": 0, "quality": 0}),
        ("JPEG", "CMYK", {"progressive": True}),
    ],
)
def test_forty_megapixels_fit_into_the_memory(
    form: str, mode: str, options: dict[str, object], tmp_path: Path
) -> None:
    Image.new(mode, (8000, 5000), (9, 99, 199, 255)).save(tmp_path / "a", form, **options)
    picture = read_picture(tmp_path / "a", tmp_path / "clean.png")
    assert (picture.width, picture.height) == (8000, 5000)


def test_a_recording_is_measured_and_cleaned(tmp_path: Path) -> None:
    recording = read_recording(VOICE_A, tmp_path / "clean.wav")
    assert (recording.samples, recording.channels) == (372_000, 1)
    assert read_wav(tmp_path / "clean.wav").shape == (372_000, 1)


def test_odd_names_are_names_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sound = chirps(24_000, 48_000)
    for name in ("-i", "--help", "http:a.wav", "concat:a|b", "a b'\"\n.wav", "ä%20.wav", "pipe:0"):
        write_wav(Path(name), sound)
        assert read_recording(Path(name), Path("-o")).samples == 24_000
        assert Path("-o").stat().st_size == 44 + 2 * 24_000
    for name in ("-q", "file:x.png"):
        shutil.copy(ASTRONAUT, name)
        assert read_picture(Path(name), Path("-o")).width == 512


def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    name = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.wav"))
    with pytest.raises(InputError) as caught:
        read_recording(name, tmp_path / "clean.wav")
    caught.value.message.encode()
    write_wav(tmp_path / "a.wav", chirps(24_000, 48_000)).rename(name)
    assert read_recording(name, tmp_path / "clean.wav").samples == 24_000


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "none.png": (InputCode.NOT_FOUND, "There is no file at"),
        tmp_path / "nul\0.png": (InputCode.NOT_FOUND, "There is no file at"),
        tmp_path / ("n" * 300): (InputCode.NOT_FOUND, "There is no file at"),
        tmp_path / "pipe": (InputCode.NOT_A_PICTURE, "is no ordinary file"),
        tmp_path / "empty": (InputCode.EMPTY_FILE, "This file is empty."),
        tmp_path: (InputCode.NOT_A_PICTURE, "is a folder"),
    }
    for path, (code, words) in cases.items():
        with pytest.raises(InputError) as caught:
            read_picture(path, tmp_path / "clean.png")
        assert caught.value.code == code and words in caught.value.message
    assert not (tmp_path / "clean.png").exists()


def test_swapped_files_are_named_as_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a recording or a video, not a picture") as caught:
        read_picture(VOICE_A, tmp_path / "clean")
    assert caught.value.code == InputCode.NOT_A_PICTURE
    with pytest.raises(InputError, match="This is a picture, not a recording") as caught:
        read_recording(ASTRONAUT, tmp_path / "clean")
    assert caught.value.code == InputCode.NOT_A_RECORDING
    assert not list(tmp_path.iterdir())


@pytest.mark.holds("decoding", "read-only", "told as ours, not as the file's")
def test_a_place_that_can_not_be_written_is_our_fault(tmp_path: Path) -> None:
    for read, source in ((read_picture, ASTRONAUT), (read_recording, VOICE_A)):
        with pytest.raises(Fault):
            read(source, tmp_path / "no such folder" / "clean")
