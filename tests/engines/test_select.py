"""Who makes a video: this machine, or the deployed app."""

import pytest

from inference.core.engine import EngineOptions
from inference.core.errors import Fault
from inference.core.settings import Settings
from inference.engines.select import select_engine, select_engine_for
from presets.schema import EngineFamily


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.multitalk.has_gpu", lambda: False)


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modal knows nothing of this machine."""
    monkeypatch.setattr("inference.cloud.client.has_account", lambda: False)
    monkeypatch.setattr("inference.engines.remote.has_account", lambda: False)


def test_without_an_account_modal_is_not_asked(stranger: None) -> None:
    with pytest.raises(Fault, match="does not know this machine. Run modal setup"):
        select_engine("modal")


def test_who_makes_a_video_where(no_gpu: None, stranger: None) -> None:
    here, there = Settings(model="multitalk-tiny", device="cpu"), Settings(on_modal=True)
    assert select_engine_for(EngineFamily.DRAFT, here).name == "draft"
    assert select_engine_for(EngineFamily.MULTITALK, here).name == "multitalk"
    for family in EngineFamily:
        assert select_engine_for(family, there).name == "modal"
    with pytest.raises(Fault, match="needs an NVIDIA GPU, and this machine has none"):
        select_engine_for(EngineFamily.MULTITALK, Settings())


def test_what_this_machine_can_not_do_the_deployed_app_does(
    no_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engines.remote.has_account", lambda: True)
    monkeypatch.setattr("inference.cloud.client.ModalClient.require_deployed", lambda cloud: None)
    assert select_engine_for(EngineFamily.MULTITALK, Settings()).name == "modal"
    with pytest.raises(Fault, match="this machine has none"):
        select_engine_for(EngineFamily.MULTITALK, Settings(), EngineOptions(device="cpu"))
