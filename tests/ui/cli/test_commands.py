"""The command line as a person uses it: real files in, one sentence or one video out.

Every command runs with an empty PATH: no ffmpeg or other program is there to help.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from inference.engines.multitalk import has_gpu
from tests.support.bad_files import BAD_PICTURES, BAD_RECORDINGS, write_plain, write_wav
from tests.support.certificates import is_signed
from tests.support.media import ASTRONAUT, DRAWN_PAIR, ROOT, VOICE_A, VOICE_B

APP = [sys.executable, str(ROOT / "app.py")]


def spare() -> dict[str, str]:
    """An environment without other programs, and with the tests' own data folder."""
    return {"PATH": "/nonexistent", "PORTRAIT_DATA": os.environ["PORTRAIT_DATA"]}


def run(
    *arguments: str | Path, temporary: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`python app.py ...` from another folder, its temporary files in `temporary`.

    No weights are there. `settings` are further variables of the environment.
    """
    environment = spare() | {
        "TMPDIR": str(temporary),
        "HOME": str(temporary),
        "PORTRAIT_WEIGHTS": str(temporary / "weights"),
    }
    return subprocess.run(
        [*APP, *map(str, arguments)],
        cwd=temporary,
        env=environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def generate(
    folder: Path, *options: str | Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`generate ... --json` into `folder`/out."""
    out = folder / "out" / "out.mp4"
    arguments = ("generate", *options, "-o", out, "--json")
    return run(*arguments, temporary=folder / "temporary", **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a command's temporary files go; `in` holds bad files, `out` takes the video."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "temporary").mkdir()
    return tmp_path


def check_refused(
    done: subprocess.CompletedProcess[str], status: int, code: str, folder: Path
) -> str:
    """One JSON object, that code, no traceback, nothing left; returns the sentence."""
    assert (done.returncode, done.stderr) == (status, "")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code
    assert error["message"].endswith((".", ")")) and "Traceback" not in error["message"]
    assert not list((folder / "out").iterdir()) and not list((folder / "temporary").iterdir())
    return str(error["message"])


@pytest.mark.parametrize("what", BAD_PICTURES)
def test_a_bad_picture_is_one_sentence(what: str, folder: Path) -> None:
    name, write, code = BAD_PICTURES[what]
    picture = write(folder / "in" / name)
    done = generate(folder, "--image", picture, "--audio", VOICE_A)
    check_refused(done, 2, code, folder)


@pytest.mark.parametrize("what", BAD_RECORDINGS)
def test_a_bad_recording_is_one_sentence(what: str, folder: Path) -> None:
    name, write, code = BAD_RECORDINGS[what]
    recording = write(folder / "in" / name)
    done = generate(folder, "--image", ASTRONAUT, "--audio", recording)
    sentence = check_refused(done, 2, code, folder)
    assert what != "too long" or "--trim 0-120" in sentence


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--audio2", VOICE_B], "too_few_faces"),
        (["--trim", "soon"], "bad_option"),
        (["--trim", "0-inf"], "bad_option"),
        (["--crop", "1,2"], "bad_option"),
        (["--quality", "superb"], "bad_option"),
        (["--shape", "round"], "bad_option"),
        (["--seed", "-1"], "bad_option"),
        (["--engine", "magic"], "bad_option"),
        (["--engine", "draft", "--quality", "best"], "bad_option"),
        (["--engine", "modal", "--quality", "draft"], "bad_option"),
        (["--engine", "multitalk", "--quality", "draft"], "bad_option"),
        (["--engine", "multitalk", "--model", "huge"], "bad_option"),
        (["--engine", "multitalk", "--device", "tpu"], "bad_option"),
        (["--model", "multitalk-tiny"], "bad_option"),
        (["--device", "cpu"], "bad_option"),
        (["--steps", "0"], "bad_option"),
        (["--steps", "101"], "bad_option"),
    ],
)
def test_a_bad_option_is_one_sentence(options: list[str | Path], code: str, folder: Path) -> None:
    done = generate(folder, "--image", ASTRONAUT, "--audio", VOICE_A, *options)
    check_refused(done, 2, code, folder)


def test_without_json_the_sentence_is_on_standard_error(folder: Path) -> None:
    done = run("plan", "--image", folder / "no.png", "--audio", VOICE_A,
               temporary=folder / "temporary")  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1 and "no.png" in done.stderr


@pytest.mark.parametrize("options", [("--quality", "best"), ("--engine", "multitalk")])
def test_a_quality_without_its_engine_is_ours(options: tuple[str, str], folder: Path) -> None:
    done = generate(folder, "--image", ASTRONAUT, "--audio", VOICE_A, *options)
    assert "MultiTalk" in check_refused(done, 1, "engine_unavailable", folder)


MOUNTED = 'mount -t tmpfs -o "$1" none "$2" || exit 99; shift; there="$1"; shift; "$@"; '
MOUNTED += 'status=$?; ls -A "$there" >&2; exit $status'


@pytest.mark.parametrize(
    ("options", "code"), [("size=64k", "disk_full"), ("ro", "output_not_writable")]
)
@pytest.mark.holds("command line", "full disk", "one sentence, exit status 1")
@pytest.mark.holds("command line", "read-only", "one sentence, exit status 1")
def test_a_disk_that_takes_no_video_is_ours(options: str, code: str, folder: Path) -> None:
    out = folder / "out"
    mounting = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", options, out]
    command = [*APP, "generate", "--image", ASTRONAUT, "--audio", VOICE_B, "--json"]
    if shutil.which("unshare") is None:
        pytest.skip("this system has no unshare, which makes a small disk for the test")
    done = subprocess.run(
        [*map(str, mounting), *map(str, command), "-o", str(out / "out.mp4")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 99 or "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody but root mount a small disk")
    check_refused(done, 1, code, folder)


def test_plan_prints_the_plan_alone(folder: Path) -> None:
    done = run("plan", "--image", DRAWN_PAIR, "--audio", VOICE_A, "--audio2", VOICE_B,
               "--speaking", "in-turn", "--json", temporary=folder / "temporary")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert [speaker["audio"] for speaker in made["speakers"]] == [0, 1]
    assert made["recording_s"] == 13.55 and made["frames"] == 341


def test_plan_in_words(folder: Path) -> None:
    done = run("plan", "--image", ASTRONAUT, "--audio", VOICE_A, temporary=folder / "temporary")
    assert "7.75 s of speech -> 197 frames, 7.88 s (4 windows)" in done.stdout


@pytest.mark.parametrize(
    ("settings", "price"),
    [
        ({"PORTRAIT_GPU": "L40S"}, ", about $0.09\n"),
        ({"PORTRAIT_MODEL": "multitalk-tiny", "PORTRAIT_DEVICE": "cpu"}, "\n"),
    ],
)
def test_a_plan_names_the_price_of_what_this_machine_can_not_make(
    folder: Path, settings: dict[str, str], price: str
) -> None:
    temporary = folder / "temporary"
    done = run("plan", "--image", ASTRONAUT, "--audio", VOICE_A, "--trim", "0-6", "--quality",
               "balanced", temporary=temporary, PORTRAIT_DATA=str(folder), **settings)  # fmt: skip
    assert f"Quality balanced, seed 42: about 172 s{price}" in done.stdout


def test_generate_writes_the_video_it_describes(folder: Path) -> None:
    options = ("--trim", "1-3", "--seed", "7", "--shape", "9:16")
    unused = {"PORTRAIT_MODEL": "multitalk-tiny", "PORTRAIT_DEVICE": "cpu"}  # by a draft
    done = generate(folder, "--image", ASTRONAUT, "--audio", VOICE_B, *options, **unused)
    out = folder / "out" / "out.mp4"
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert (made["path"], made["frames"], made["width"], made["height"]) == (str(out), 53, 480, 832)
    with av.open(str(out)) as file:
        assert file.streams.video[0].frames == 53
        settings = json.loads(file.metadata["comment"])
        assert "AI-generated" in file.metadata["description"]
    assert (settings["seed"], settings["engine"], settings["shape"]) == (7, "draft", "9:16")
    assert (settings["width"], settings["height"]) == (480, 832)
    assert is_signed(out)
    assert not list((folder / "temporary").iterdir())


def test_an_interrupted_run_keeps_what_is_finished(folder: Path) -> None:
    out = folder / "out" / "out.mp4"
    recording = write_wav(folder / "in" / "long.wav", 100, 0.1)
    process = subprocess.Popen(
        [*APP, "generate", "--image", ASTRONAUT, "--audio", recording, "-o", str(out)],
        env=spare() | {"TMPDIR": str(folder / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((folder / "temporary").glob("*/windows/001.mp4")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "are kept in" in said and "Traceback" not in said
    with av.open(str(out)) as file:
        frames = file.streams.video[0].frames
        assert 81 <= frames < 2501 and is_signed(out)
        assert sum(frame.samples for frame in file.decode(audio=0)) >= frames * 1920
    assert not list((folder / "temporary").iterdir())


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_end_before_anything_is_drawn_is_one_sentence(
    ending: signal.Signals, folder: Path
) -> None:
    out = folder / "out" / "out.mp4"
    command = ["generate", "--image", ASTRONAUT, "--audio", VOICE_A, "-o", out, "--json"]
    process = subprocess.Popen(
        [*APP, *map(str, command)],
        env=spare() | {"TMPDIR": str(folder / "temporary")},
        stdout=subprocess.PIPE,
        text=True,
    )
    while not list((folder / "temporary").iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(ending)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(said)["error"]["code"] == "interrupted"
    assert not list((folder / "temporary").iterdir()) and not list((folder / "out").iterdir())


def test_without_a_face_there_is_one_sentence_and_no_note(folder: Path) -> None:
    picture = write_plain(folder / "in" / "a.png")
    out = folder / "out" / "out.mp4"
    done = run("generate", "--image", picture, "--audio", VOICE_A, "-o", out,
               temporary=folder / "temporary")  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("No face was found") and len(done.stderr.splitlines()) == 1


def test_doctor_finds_what_the_draft_needs(folder: Path) -> None:
    done = run("doctor", "--json", temporary=folder / "temporary")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert checks["draft engine"]["ok"] and checks["codecs"]["ok"]


def test_options_count_before_settings(folder: Path) -> None:
    tiny = {"PORTRAIT_MODEL": "multitalk-tiny", "PORTRAIT_DEVICE": "cpu"}
    done = run("doctor", "--json", temporary=folder / "temporary", **tiny)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["multitalk engine"]["ok"]
    options = ("--engine", "multitalk", "--model", "multitalk-14b")
    done = generate(folder, "--image", ASTRONAUT, "--audio", VOICE_A, *options, **tiny)
    assert "GPU" in check_refused(done, 1, "engine_unavailable", folder)


@pytest.mark.skipif(has_gpu(), reason="this machine has the GPU that the test does without")
def test_multitalk_says_in_a_sentence_that_there_is_no_gpu(folder: Path) -> None:
    options = "--engine multitalk --model multitalk-tiny --device cuda --steps 4 --trim 0-0.8"
    done = generate(folder, "--image", ASTRONAUT, "--audio", VOICE_A, *options.split())
    sentence = check_refused(done, 1, "engine_unavailable", folder)
    assert "cuda was asked for" in sentence and "Use the device cpu." in sentence
