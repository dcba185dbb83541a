"""Out of a real bucket, over roads that hold and roads that break."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.core.errors import InputCode, PortraitError
from inference.core.settings import ROOT
from inference.storage import bucket
from inference.storage.publication import S3Address
from inference.storage.publisher import fetch
from tests.storage.seen import BUCKET, use
from tests.support.media import ASTRONAUT, VOICE_A
from tests.support.s3_server import KEY_ID, S3, SECRET, Road


@pytest.fixture
def given(s3: S3) -> dict[str, S3Address]:
    """A person's files in the bucket."""
    places = {
        "image": S3Address(BUCKET, "in/a face.jpg"),
        "audio": S3Address(BUCKET, "in/voice.ogg"),
    }
    for address, file in zip(places.values(), (ASTRONAUT, VOICE_A), strict=True):
        s3.client.upload_file(str(file), address.bucket, address.key)
    return places


def test_a_plan_is_made_of_files_in_a_bucket(
    s3: S3, given: dict[str, S3Address], tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = [part for name, place in given.items() for part in (f"--{name}", str(place))]
    done = subprocess.run(
        [sys.executable, "app.py", "plan", *options, "--json"],
        cwd=ROOT, env=s3.environment | {"TMPDIR": str(temporary), "PATH": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["frames"] == 197
    assert not list(temporary.iterdir())


def test_a_file_arrives_whole(given: dict[str, S3Address], tmp_path: Path) -> None:
    fetch(given["image"], tmp_path / "face", 20, InputCode.PICTURE_TOO_LARGE, "us-east-1")
    assert (tmp_path / "face").read_bytes() == ASTRONAUT.read_bytes()


@pytest.mark.parametrize(
    ("address", "code", "says"),
    [
        (S3Address(BUCKET, "in/me"), "not_found", f"There is no in/me in the bucket {BUCKET}. "),
        (
            S3Address("nobodys", "in/me"),
            "not_found",
            "There is no bucket nobodys. Check the address",
        ),
        (S3Address("no bucket", "me"), "storage", "The bucket no bucket can't be used like this."),
    ],
)
def test_what_is_not_there_is_named(
    address: S3Address, code: str, says: str, tmp_path: Path
) -> None:
    check_not_fetched(tmp_path, address, code, says)


def test_what_is_too_large_is_not_fetched(given: dict[str, S3Address], tmp_path: Path) -> None:
    says = "a face.jpg is 1 MB; 0 MB is the most. Choose a smaller file."
    check_not_fetched(tmp_path, given["image"], "picture_too_large", says, most_mib=0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, bucket.ACCESS_DENIED.format(bucket=BUCKET)),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, bucket.UNREACHABLE),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, bucket.NO_CREDENTIALS),
    ],
)
def test_why_it_was_not_fetched_is_one_sentence(
    given: dict[str, S3Address],
    wrong: dict[str, str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    check_not_fetched(tmp_path, given["image"], "storage", says)


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.holds("command line", "no network", "asked for again, else one sentence")
def test_a_file_is_fetched_over_a_road_that_breaks_once(
    always: bool,
    s3: S3,
    given: dict[str, S3Address],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Road(s3.address, 20_000, always=always, back=True) as road:
        use(monkeypatch, road.address)
        if always:
            check_not_fetched(tmp_path, given["audio"], "storage", bucket.CONNECTION_CUT)
        else:
            fetch(given["audio"], tmp_path / "voice", 1, InputCode.RECORDING_TOO_LARGE, None)
            assert (tmp_path / "voice").read_bytes() == VOICE_A.read_bytes()
    assert road.broken >= (3 if always else 1)


def check_not_fetched(
    folder: Path, address: S3Address, code: str, says: str, most_mib: int = 20
) -> None:
    with pytest.raises(PortraitError) as refused:
        fetch(address, folder / "file", most_mib, InputCode.PICTURE_TOO_LARGE, "us-east-1")
    assert refused.value.code == code and says in refused.value.message
    assert SECRET not in refused.value.details and KEY_ID not in refused.value.details
    assert not list(folder.iterdir())
