"""What is wrong with a machine is found and named."""

from dataclasses import replace
from pathlib import Path

import pytest

from inference.core.settings import Settings
from inference.diagnostics.check import Check
from inference.diagnostics.doctor import examine
from inference.engines.multitalk import MultiTalkEngine
from inference.rendering.provenance.identity import CERTIFICATE, load_identity
from tests.support.certificates import make_chain, make_key, to_pem
from tests.support.weights_runner import lora_of
from weights import manifest
from weights.sets import BF16, SetMarker, write_marker


def found(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


def test_this_machine_can_make_drafts(tmp_path: Path) -> None:
    checks = found(Settings(data=tmp_path / "not" / "there" / "yet"))
    assert all(check.ok for check in checks.values() if check.needed)


def test_the_gpu_engine_is_said_to_be_missing_but_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: False)
    check = found(Settings(data=tmp_path))["multitalk engine"]
    assert not check.ok and not check.needed and "NVIDIA GPU" in check.found


def test_modal_is_said_to_be_unknown_but_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.remote.has_account", lambda: False)
    check = found(Settings(data=tmp_path))["modal engine"]
    assert not check.ok and not check.needed and "modal setup" in check.found


def test_a_model_for_any_machine_is_found_ready(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, model="multitalk-tiny", device="cpu")
    assert found(settings)["multitalk engine"].ok


def test_an_operators_lora_is_looked_into_before_there_is_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: True)
    monkeypatch.setattr(MultiTalkEngine, "describe", lambda self: "")
    monkeypatch.setenv("PORTRAIT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("PORTRAIT_LORAS", "mine=0.5")
    file = tmp_path / "loras" / "mine.safetensors"
    for folder in (file.parent, tmp_path / "multitalk-14b" / BF16):
        folder.mkdir(parents=True)
    write_marker(folder, SetMarker("made up", {}, {}))

    def reason() -> str:
        assert found(replace(settings, model="multitalk-tiny"))["multitalk engine"].ok  # takes none
        return found(settings)["multitalk engine"].found

    settings = Settings(data=tmp_path)
    assert reason().startswith(f"The LoRA {file} can't be read. Put it there, or take it out of")
    file.write_bytes(lora_of(bytes(40)))
    assert reason().startswith(f"The LoRA {file} does not fit the model (diffusion_model.head.head")
    file.write_bytes(lora_of(bytes(256)))
    assert reason() == "ready"


def test_a_data_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = found(Settings(data=tmp_path / "file" / "data"))["data folder"]
    assert not check.ok and "file" in check.found


def test_a_damaged_face_net_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "net.tflite"
    broken.write_bytes(b"cut")
    monkeypatch.setattr(
        "inference.engines.draft.FACE_MESH", manifest.WeightFile(broken, 1_242_398, "0")
    )
    check = found(Settings(data=tmp_path))["draft engine"]
    assert not check.ok and "net.tflite is damaged" in check.found


def test_an_operators_certificate_is_tried(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    assert "made at the first start" in found(settings)["signing"].found
    own = settings.data / CERTIFICATE
    load_identity(settings)
    assert found(settings)["signing"].found == "by a certificate of this app's own"
    damaged = own.read_text()[:-300] + "AAAA" + own.read_text()[-296:]
    for content in ("torn", damaged.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nxxxx")):
        own.write_text(content)
        check = found(settings)["signing"]
        assert not check.ok and "certificate.pem is damaged" in check.found
    own.unlink()
    own.mkdir()
    check = found(settings)["signing"]
    assert not check.ok and "certificate.pem can't be read" in check.found
    key = make_key()
    settings = replace(settings, certificate=to_pem(key) + make_chain(key))
    assert found(settings)["signing"].found == "by the certificate of Example Studio"
    check = found(replace(settings, certificate=to_pem(key)))["signing"]
    assert not check.ok and not check.needed and "PORTRAIT_CERTIFICATE" in check.found
