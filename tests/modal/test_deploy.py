"""What a deploy asks Modal for, and what it says when that can't be had."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.cloud import names
from tests.modal.conftest import needs_root
from tests.modal.deployed import APP, DRAFT, GPU, PAGE, SMALL_APP, SMALL_FRAMES, TINY, deployed
from tests.modal.standin.handle import StandIn
from tests.support.media import ASTRONAUT, ROOT, decoded, spoken
from tests.support.page_sessions import Session
from tests.support.servers import serving
from ui.strings import text

PASSWORD, TOKEN, SECRET = "open sesame", "say friend", "huggingface-secret"
MINUTE_S = 60
SHIPPED = ("presets", "weights", "inference", "ui")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with the app deployed as it is without any setting but the small model."""
    with deployed(tmp_path_factory.mktemp("modal"), secrets={SECRET: {"HF_TOKEN": "x"}}) as standin:
        yield standin


@pytest.fixture
def functions(standin: StandIn) -> dict[str, dict[str, Any]]:
    return standin.functions(APP)


def volumes(function: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {v["path"]: (v["name"], v["read_only"]) for v in function["volumes"]}


def get(standin: StandIn, path: str) -> tuple[int, bytes]:
    """Status and body of what the page answers."""
    try:
        with urllib.request.urlopen(standin.request(APP, PAGE, path), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_there_is_what_the_product_needs(functions: dict[str, dict[str, Any]]) -> None:
    assert set(functions) == {GPU, DRAFT, PAGE, "manage_weights", "examine"}
    assert functions[GPU]["methods"] == ["generate"]


def test_the_gpu_image_is_built_in_the_one_order_that_works(
    standin: StandIn, functions: dict[str, dict[str, Any]]
) -> None:
    lines = standin.images()[functions[GPU]["image"]]
    text = "\n".join(lines)
    assert "nvidia/cuda:12.8.1-devel-ubuntu22.04" in text
    steps = ["torch==2.10.0", "psutil==7.2.2", "flash-attn==2.8.3.post2", "diffusers"]
    found = [next(i for i, line in enumerate(lines) if step in line) for step in steps[:3]]
    assert found == sorted(found) and len(set(found)) == 3
    assert "--no-build-isolation" in lines[found[2]]
    installs = [line for line in lines if "pip install" in line]
    assert all("==" in line or "-r " in line for line in installs)
    assert all("--constraint /constraints.txt" in line for line in installs)
    pins = (ROOT / "constraints-modal.txt").read_text().splitlines()
    named = [word for line in installs for word in line.split() if "==" in word]
    assert len(named) > 6 and set(named) <= set(pins)
    late = [i for i, line in enumerate(lines) if "requirements" in line]
    assert late and min(late) > found[2]


def test_where_no_wheel_fits_attention_is_compiled_for_the_cards_and_few_at_a_time(
    standin: StandIn, functions: dict[str, dict[str, Any]]
) -> None:
    lines = standin.images()[functions[GPU]["image"]]
    before = lines[: next(i for i, line in enumerate(lines) if "flash-attn" in line)]
    assert "ENV FLASH_ATTN_CUDA_ARCHS='80;90'" in before  # the trial's L4, H100 and A100
    assert "ENV MAX_JOBS=4" in before and "ENV NVCC_THREADS=2" in before


def test_weights_are_looked_after_where_no_gpu_image_need_be_built(
    standin: StandIn, functions: dict[str, dict[str, Any]]
) -> None:
    text = "\n".join(standin.images()[functions["manage_weights"]["image"]])
    assert "flash" not in text and "nvidia" not in text and "ninja" not in text
    assert "torch==2.10.0+cpu --extra-index-url https://download.pytorch.org/whl/cpu" in text
    assert "\nhuggingface-hub==" in text and "\nsafetensors==" in text


def test_the_page_image_has_no_torch(
    standin: StandIn, functions: dict[str, dict[str, Any]]
) -> None:
    for name in (PAGE, DRAFT):
        text = "\n".join(standin.images()[functions[name]["image"]])
        assert "torch" not in text and "flash" not in text
        assert "\ngradio==" in text and "\nhibari-tts==" in text


def test_limits_are_set_on_purpose(functions: dict[str, dict[str, Any]]) -> None:
    gpu, page, draft = functions[GPU], functions[PAGE], functions[DRAFT]
    assert gpu["memory_mb"] == 32 * 1024 and gpu["cpu"] == 4
    assert gpu["gpus"] == ["H100", "A100-80GB"] and functions["examine"]["gpus"] == ["L4"]
    assert (gpu["timeout_s"], gpu["startup_timeout_s"]) == (240 * MINUTE_S, 30 * MINUTE_S)
    assert (gpu["retries"], gpu["idle_s"], gpu["max_inputs"]) == (3, 2 * MINUTE_S, 1)
    assert (gpu["max_containers"], gpu["min_containers"], gpu["memory_snapshot"]) == (4, 0, False)
    assert (page["max_containers"], page["max_inputs"], page["gpus"]) == (1, 100, [])
    assert (draft["cpu"], draft["gpus"], draft["max_inputs"]) == (4, [], 1)
    assert draft["retries"] == 1 and draft["timeout_s"] == 10 * MINUTE_S


def test_volumes_are_where_the_code_looks(functions: dict[str, dict[str, Any]]) -> None:
    name = f"{APP}-{{}}".format
    assert volumes(functions[GPU]) == {
        "/vol/weights": (name("weights"), True),
        "/vol/jobs": (name("jobs"), False),
        "/vol/cache": (name("cache"), False),
    }
    assert volumes(functions[PAGE]) == {"/vol/jobs": (name("jobs"), False)}
    assert volumes(functions["manage_weights"])["/vol/weights"] == (name("weights"), False)


def test_every_file_of_the_product_is_shipped_and_nothing_else(
    functions: dict[str, dict[str, Any]],
) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *SHIPPED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    wanted = {f"/root/{path}" for path in [*listed, "app.py"] if (ROOT / path).is_file()}
    assert len(wanted) > 200
    for name, function in functions.items():
        files = {path for path in function["files"] if not path.startswith("/pkg")}
        assert files - {"/constraints.txt"} == wanted, name


def test_the_page_finds_its_files_in_the_container(standin: StandIn) -> None:
    assert json.loads(get(standin, "/healthz")[1]) == {"status": "ok"}
    for path in ("/", "/style/tokens.css", "/style/page.js", "/style/icon.svg"):
        status, body = get(standin, path)
        assert status == 200 and body, path
    assert get(standin, "/nothing")[0] == 404
    assert not [name for name in standin.unimplemented() if "Snapshot" not in name]


def test_settings_count_secrets_come_when_named_and_the_password_is_one(
    standin: StandIn, functions: dict[str, dict[str, Any]]
) -> None:
    assert functions["manage_weights"]["secrets"] == [] == functions[GPU]["secrets"]
    named = TINY | {"PORTRAIT_SECRETS": SECRET, "PORTRAIT_PASSWORD": PASSWORD}
    named |= {"PORTRAIT_GPU": "A10, L40S", "PORTRAIT_API_TOKEN": TOKEN}
    assert standin.modal("deploy", "app.py", env=named).returncode == 0
    again = standin.functions(APP)
    assert again["manage_weights"]["secrets"] == [SECRET] and SECRET in again[PAGE]["secrets"]
    images = json.dumps(standin.images())
    assert PASSWORD not in images and TOKEN not in images
    assert again[GPU]["gpus"] == ["A10", "L40S"] and again[GPU]["memory_mb"] == 80 * 1024
    assert "ENV FLASH_ATTN_CUDA_ARCHS=80" in standin.images()[again[GPU]["image"]]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PORTRAIT_GPU": "H1000"}, "PORTRAIT_GPU names 'H1000', which Modal does not have."),
        ({"PORTRAIT_SECRETS": "nobodys"}, "Secret 'nobodys' not found in environment 'main'"),
        ({"PORTRAIT_CERTIFICATE": "-----BEGIN KEY"}, "has no key or no certificate that can be"),
    ],
)
def test_what_can_not_be_deployed_is_said_in_a_sentence(
    standin: StandIn, settings: dict[str, str], says: str
) -> None:
    done = standin.modal("deploy", "app.py", env=settings)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode and says in said and "Traceback" not in said


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Modal, with a model that can't be loaded. The page's password is in the operator's own
    Secret, the API's token comes from the shell."""
    own = {"door": {"PORTRAIT_PASSWORD": PASSWORD}}
    shell = TINY | {"PORTRAIT_SECRETS": "door", "PORTRAIT_API_TOKEN": TOKEN}
    broken = {"/root/inference/multitalk/runner.py": "raise MemoryError('no room')"}
    with deployed(tmp_path_factory.mktemp("closed"), shell, own, broken) as standin:
        yield standin


SENT = """
import sys, modal
from inference.cloud import names
from inference.cloud.status import StatusStore
with modal.Volume.from_name(names.JOBS_VOLUME).batch_upload() as batch:
    batch.put_file(sys.argv[1], names.work_folder("mine") / "given-picture")
    batch.put_file(sys.argv[2], names.work_folder("mine") / "given-voice-1")
"""
LOADED = """
getattr(modal.Cls.from_name(names.APP, names.GPU_CLASS)(), names.GENERATE).remote("mine")
print(StatusStore(modal.Dict.from_name(names.STATUS_DICT)).read_records("mine")[-1].event.message)
"""
DRAFTED = """
modal.Function.from_name(names.APP, names.DRAFT).remote("mine", {"quality": "draft", "seed": 7})
"""


def test_a_model_that_can_not_be_loaded_is_told_and_costs_one_start(
    closed: StandIn, tmp_path: Path
) -> None:
    voice = spoken(tmp_path / "voice.wav", seconds=1.0)
    done = closed.python("-c", SENT + LOADED, str(ASTRONAUT), str(voice))
    assert done.stdout.startswith("MultiTalk can't be loaded on this machine."), done.stderr
    assert "MemoryError: no room" in closed.output()
    assert closed.failed_starts() == {} and closed.runs(GPU) == 1


def test_a_password_is_asked_for_and_by_programs_a_token(closed: StandIn) -> None:
    for path, says in (("/", b"password"), ("/api/jobs", b"no_token")):
        status, body = get(closed, path)
        assert status == 401 and says in body.lower()


def test_a_page_that_had_a_password_does_not_come_up_open(closed: StandIn) -> None:
    assert get(closed, "/")[0] == 401
    for given, status in (("", 503), ("none", 200)):
        done = closed.modal("deploy", "app.py", env=TINY | {"PORTRAIT_PASSWORD": given})
        assert done.returncode == 0 and names.NO_PASSWORD_WARNING in " ".join(done.stdout.split())
        assert get(closed, "/")[0] == status
        assert get(closed, "/healthz")[0] == 200


def test_from_a_laptop(tmp_path: Path) -> None:
    """The command line makes a video on Modal, once the app is there and the network, too."""
    needs_root()
    voice, out = spoken(tmp_path / "voice.wav", seconds=0.8), tmp_path / "out.mp4"
    make = ["generate", "--image", str(ASTRONAUT), "--audio", str(voice)]
    make += ["--quality", "fast", "--steps", "2", "--engine", "modal", "-o", str(out)]
    unknown = {"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}
    with StandIn(tmp_path / "modal", replaced=SMALL_FRAMES) as standin:
        for environment, says in [
            (unknown, "Modal does not know this machine. Run modal setup"),
            ({}, "The app talking-portrait is not deployed on Modal. Run modal deploy app.py."),
        ]:
            done = standin.python("app.py", *make, env=environment)
            assert done.returncode == 1 and says in done.stderr, done.stderr
        assert standin.modal("deploy", "app.py", env=TINY).returncode == 0
        checks = json.loads(standin.python("app.py", "doctor", "--json").stdout)["checks"]
        assert [c["ok"] for c in checks if c["name"] == "modal engine"] == [True]
        done = standin.python("-c", SMALL_APP, *make, "--json")
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout)["engine"] == "multitalk"
        frames = decoded(out)
        assert len(frames) == 21 and frames[0].shape == (160, 320, 3)
        jobs = standin.volume_folder(f"{APP}-jobs")
        assert not list((jobs / "work").glob("*"))  # nothing of it stays there
        with serving(tmp_path / "data", None, **standin.environment) as server:
            me, end = Session(server.address), time.monotonic() + 60
            while text.GPU_READY not in me.act(do="refresh"):  # Modal is asked beside the page
                assert time.monotonic() < end
                time.sleep(0.2)


def test_plain_uploads_are_planned_where_the_video_is_made(
    standin: StandIn, tmp_path: Path
) -> None:
    """No plan came with them: faces are found, the crop and the length are worked out there."""
    voice = spoken(tmp_path / "voice.wav", seconds=1.0)
    done = standin.python("-c", SENT + DRAFTED, str(ASTRONAUT), str(voice))
    assert done.returncode == 0, done.stderr
    work = standin.volume_folder(f"{APP}-jobs") / "work" / "mine"
    plan = json.loads((work / "plan.json").read_text())
    assert (plan["width"], plan["height"], plan["frames"], plan["seed"]) == (896, 448, 25, 7)
    assert len(plan["speakers"]) == 1
    frames = decoded(work / "result.mp4")
    assert len(frames) == 25 and frames[0].shape == (448, 896, 3)
