"""Settings come from the environment, with defaults that work."""

from pathlib import Path

import pytest

from inference.core.errors import InputError
from inference.core.settings import (
    ROOT,
    build_access_variables,
    build_container_environment,
    load_settings,
    read_operator_certificate,
)
from presets.schema import EngineFamily, Lora


def test_the_defaults() -> None:
    settings = load_settings({})
    assert settings.data == ROOT / "data"
    assert settings.max_seconds_for(EngineFamily.DRAFT) == 120
    assert settings.max_seconds_for(EngineFamily.MULTITALK) == 40
    limits = (settings.running, settings.queue, settings.queue_per_person, settings.keep_days)
    assert limits == (1, 50, 5, 7)
    assert settings.weights == ROOT / "weights/files"
    assert (settings.model, settings.device) == (None, None)


def test_what_is_set_counts(tmp_path: Path) -> None:
    settings = load_settings({"PORTRAIT_DATA": str(tmp_path), "PORTRAIT_MAX_SECONDS": "12.5"})
    assert settings.data == tmp_path and settings.max_seconds == 12.5
    numbers = {"RUNNING": "2", "QUEUE": "9", "QUEUE_PER_PERSON": "3", "KEEP_DAYS": "30"}
    settings = load_settings({f"PORTRAIT_{name}": value for name, value in numbers.items()})
    limits = (settings.running, settings.queue, settings.queue_per_person, settings.keep_days)
    assert limits == (2, 9, 3, 30)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
def test_a_model_its_device_and_its_weights_can_be_set(tmp_path: Path, device: str) -> None:
    values = {"WEIGHTS": str(tmp_path), "MODEL": "multitalk-tiny", "DEVICE": device}
    settings = load_settings({f"PORTRAIT_{name}": value for name, value in values.items()})
    assert (settings.weights, settings.model) == (tmp_path, "multitalk-tiny")
    assert settings.device == device


def test_what_is_set_to_nothing_is_not_set() -> None:
    names = ("DATA", "WEIGHTS", "MODEL", "DEVICE", "QUEUE")
    assert load_settings({f"PORTRAIT_{name}": "" for name in names}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL", "huge"), ("DEVICE", "gpu"), ("DEVICE", "cuda:"), ("DEVICE", "cpu ")],
)
def test_a_wrong_name_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"PORTRAIT_{name} is '{value}'. Set it to .*\\.$"):
        load_settings({f"PORTRAIT_{name}": value})


@pytest.mark.parametrize("value", ["soon", "-3", "0", "601", "nan"])
def test_a_wrong_value_is_named(value: str) -> None:
    with pytest.raises(InputError, match="PORTRAIT_MAX_DRAFT_SECONDS"):
        load_settings({"PORTRAIT_MAX_DRAFT_SECONDS": value})


@pytest.mark.parametrize("name", ["RUNNING", "QUEUE", "QUEUE_PER_PERSON", "KEEP_DAYS"])
@pytest.mark.parametrize("value", ["many", "-3", "0", "1001", "1.5", "²"])
def test_a_wrong_number_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"PORTRAIT_{name} is '.*'.*whole number"):
        load_settings({f"PORTRAIT_{name}": value})


def test_the_early_stop_is_strict_only_where_that_is_set() -> None:
    assert load_settings({"PORTRAIT_STRICT": "1"}).strict
    assert not load_settings({"PORTRAIT_STRICT": "0"}).strict and not load_settings({}).strict
    with pytest.raises(InputError, match="PORTRAIT_STRICT is 'very'. Set it to 1"):
        load_settings({"PORTRAIT_STRICT": "very"})


def test_gpus_and_secrets_are_lists_of_names() -> None:
    assert load_settings({}).gpus == ("H100", "A100-80GB") and load_settings({}).secrets == ()
    values = {"PORTRAIT_GPU": " L40S, H100! ,", "PORTRAIT_SECRETS": "aws-secret,hub"}
    settings = load_settings(values)
    assert settings.gpus == ("L40S", "H100!") and settings.secrets == ("aws-secret", "hub")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GPU", "H100,H1000", "PORTRAIT_GPU names 'H1000', which Modal does not have. Choose from"),
        ("GPU", "H100!!", "PORTRAIT_GPU names 'H100!!'"),
        ("GPU", "!", "PORTRAIT_GPU names '!'"),
        ("SECRETS", "two words", "PORTRAIT_SECRETS names 'two words', which can't be"),
    ],
)
def test_a_name_that_modal_does_not_have_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_settings({f"PORTRAIT_{name}": value})


def test_hosts_and_proxies_are_lists() -> None:
    assert load_settings({}).hosts == load_settings({}).proxies == ()
    values = {
        "PORTRAIT_HOSTS": "Portrait.example.org, *.lan,FD00::5,[fd00::6]",
        "PORTRAIT_PROXIES": "10.0.0.2,10.1.2.3/8,::1",
    }
    settings = load_settings(values)
    assert settings.hosts == ("portrait.example.org", "*.lan", "fd00::5", "fd00::6")
    assert settings.proxies == ("10.0.0.2/32", "10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "https://portrait.example.org"),
        ("HOSTS", "abc.de:80"),
        ("HOSTS", "*"),
        ("HOSTS", "[fd00::5]:80"),
        ("HOSTS", "a.*.b"),
        ("PROXIES", "nginx"),
        ("PROXIES", "10.0.0.0/33"),
    ],
)
def test_what_is_no_host_or_proxy_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"PORTRAIT_{name} has '.*'. List .*, as .*\\.$"):
        load_settings({f"PORTRAIT_{name}": value})


def test_an_operators_loras_lie_beside_the_weights_or_where_they_are_said_to(
    tmp_path: Path,
) -> None:
    assert load_settings({}).loras == ()
    listed = "film = 0.8, /mnt/glow.safetensors=-2,grain.safetensors,"
    settings = load_settings({"PORTRAIT_WEIGHTS": str(tmp_path), "PORTRAIT_LORAS": listed})
    folder = tmp_path / "loras"
    wanted = (Lora(f"{folder}/film", 0.8), Lora("/mnt/glow", -2), Lora(f"{folder}/grain", 1))
    assert settings.loras == wanted
    there = build_container_environment("/data", "/vol/weights", {"PORTRAIT_LORAS": "film=0.8"})
    assert load_settings(there).loras == (Lora("/vol/weights/loras/film", 0.8),)


@pytest.mark.parametrize(
    "value", ["a=", "a=0", "a=much", "a=nan", "a=inf", "a=4.1", "a=-4.1", "=1", ".safetensors"]
)
def test_a_wrong_strength_of_a_lora_is_named(value: str) -> None:
    says = rf"PORTRAIT_LORAS has '{value}'. List .* from -4 to 4, but not 0\.$"
    with pytest.raises(InputError, match=says):
        load_settings({"PORTRAIT_LORAS": f"good=4,{value}"})


def test_a_password_is_in_no_text_of_the_settings() -> None:
    settings = load_settings({"PORTRAIT_PASSWORD": "open sesame"})
    assert settings.password == "open sesame" and "sesame" not in repr(settings)


def test_containers_are_given_what_is_set_but_the_password_and_the_places() -> None:
    mine = {
        "PORTRAIT_DATA": "/home/me/data",
        "PORTRAIT_WEIGHTS": "/home/me/weights",
        "PORTRAIT_PASSWORD": "open sesame",
        "PORTRAIT_GPU": "L40S",
        "PORTRAIT_QUEUE": "",
        "HF_TOKEN": "mine",
    }
    there = build_container_environment("/vol/data", "/vol/weights", mine)
    assert there == {
        "PORTRAIT_DATA": "/vol/data",
        "PORTRAIT_WEIGHTS": "/vol/weights",
        "PORTRAIT_GPU": "L40S",
        "PORTRAIT_RUNNING": "4",
    }
    assert (
        build_container_environment("", "", mine | {"PORTRAIT_RUNNING": "2"})["PORTRAIT_RUNNING"]
        == "2"
    )


def test_a_password_may_be_none_on_purpose() -> None:
    given = {"": (None, False), "none": (None, True), "sesame": ("sesame", False)}
    for value, wanted in given.items():
        settings = load_settings({"PORTRAIT_PASSWORD": value})
        assert (settings.password, settings.unlocked) == wanted


def test_only_what_is_set_goes_into_the_secret_of_the_page() -> None:
    """An empty value would take the place of one in the operator's own Secret."""
    assert (
        build_access_variables(load_settings({"PORTRAIT_PASSWORD": "", "PORTRAIT_API_TOKEN": ""}))
        == {}
    )
    for given in ({"PORTRAIT_PASSWORD": "none"}, {"PORTRAIT_API_TOKEN": "friend"}):
        assert build_access_variables(load_settings(given)) == given


def test_the_file_of_a_certificate_is_not_needed_where_the_app_is_deployed(tmp_path: Path) -> None:
    file = tmp_path / "mine.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\n...")
    for given in (str(file), file.read_text()):
        settings = load_settings({"PORTRAIT_CERTIFICATE": given})
        assert build_access_variables(settings) == {"PORTRAIT_CERTIFICATE": file.read_text()}
        assert "PORTRAIT_CERTIFICATE" not in build_container_environment(
            "/d", "/w", {"PORTRAIT_CERTIFICATE": given}
        )
        assert given not in repr(settings)
    file.unlink()
    with pytest.raises(InputError, match="PORTRAIT_CERTIFICATE is .*mine.pem', a file that can't"):
        build_access_variables(load_settings({"PORTRAIT_CERTIFICATE": str(file)}))


@pytest.mark.parametrize("before", ["\n", " ", "Bag Attributes\n    friendlyName: mine\n"])
def test_a_certificate_may_begin_with_anything(before: str) -> None:
    pem = f"{before}-----BEGIN PRIVATE KEY-----\nMIGH\n"
    assert read_operator_certificate(pem) == pem


@pytest.mark.parametrize("key", ["MIGH" * 40, "MIGH\nAgEA.", f"{'MIGH' * 50}.", "MIGH\0."])
def test_what_may_be_a_key_is_never_quoted(key: str) -> None:
    with pytest.raises(InputError) as caught:
        read_operator_certificate(key)
    error = caught.value
    assert error.message.startswith("PORTRAIT_CERTIFICATE names a file that can't be read.")
    assert error.__suppress_context__ and "MIGH" not in error.message + error.details


def test_a_gpu_waits_for_as_long_as_is_set_and_modal_allows() -> None:
    assert load_settings({}).gpu_idle_minutes == 2
    assert load_settings({"PORTRAIT_GPU_IDLE_MINUTES": "20"}).gpu_idle_minutes == 20
    with pytest.raises(InputError, match="Set it to a whole number from 1 to 20"):
        load_settings({"PORTRAIT_GPU_IDLE_MINUTES": "21"})
