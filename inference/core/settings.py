"""Settings of the product. No other module reads them from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from inference.core.errors import InputCode, InputError
from presets.gpus import DEFAULT_GPUS, GPUS, find_gpu
from presets.models import DEVICE_PATTERN, MODELS
from presets.schema import EngineFamily, Lora, Range

ROOT = Path(__file__).resolve().parents[2]  # the project's folder; workers run in it
_CONTAINER_VARIABLES = (
    "PORTRAIT_MAX_SECONDS",
    "PORTRAIT_MAX_DRAFT_SECONDS",
    "PORTRAIT_RUNNING",
    "PORTRAIT_QUEUE",
    "PORTRAIT_QUEUE_PER_PERSON",
    "PORTRAIT_KEEP_DAYS",
    "PORTRAIT_MODEL",
    "PORTRAIT_DEVICE",
    "PORTRAIT_STRICT",
    "PORTRAIT_LORAS",
    "PORTRAIT_GPU",
    "PORTRAIT_GPU_IDLE_MINUTES",
    "PORTRAIT_SECRETS",
)
_NO_PASSWORD = "none"  # value of PORTRAIT_PASSWORD that disables the password on purpose
_MAX_IDLE_MINUTES = 20  # Modal's own limit
_LORA_STRENGTHS = Range(-4, 4)  # LoRAs are trained for a strength of about 1
_HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_PEM_BEGIN = "-----BEGIN "
_SECRET_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # Modal's rule for names of Secrets


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults, in the order of the table in the documents."""

    data: Path = Path("data")
    max_seconds: float = 40.0
    max_draft_seconds: float = 120.0
    running: int = 1  # maximum number of concurrent jobs of each engine family
    queue: int = 50  # maximum number of waiting jobs
    queue_per_person: int = 5
    keep_days: int = 7
    weights: Path = Path("weights/files")  # has a folder for each model
    model: str | None = None  # of MultiTalk; None: chosen by the engine
    device: str | None = None  # for MultiTalk; None: chosen by the engine
    strict: bool = False  # also stop a job whose first window is only suspected to be defective
    loras: tuple[Lora, ...] = ()  # the operator's own, added to every MultiTalk video
    password: str | None = field(default=None, repr=False)  # of the page; None: open to everyone
    unlocked: bool = False  # the password was disabled explicitly
    api_token: str | None = field(default=None, repr=False)  # None: no HTTP API
    hosts: tuple[str, ...] = ()  # names that the page is served under, besides this machine's own
    proxies: tuple[str, ...] = ()  # networks whose word on visitors' addresses is taken
    certificate: str | None = field(default=None, repr=False)  # that signs videos: a file, or PEM
    bucket: str | None = None  # for published results; boto3 finds the credentials by itself
    region: str | None = None  # of S3; boto3 itself reads only AWS_DEFAULT_REGION
    gpus: tuple[str, ...] = DEFAULT_GPUS  # on Modal, in order of preference
    gpu_idle_minutes: int = 2  # billed waiting time of a GPU container on Modal
    secrets: tuple[str, ...] = ()  # names of Modal Secrets to attach at deploy
    on_modal: bool = False  # this process runs in a container of the deployed app

    def max_seconds_for(self, family: EngineFamily) -> float:
        """Return the maximum length of a recording, in seconds, for an engine family."""
        return self.max_seconds if family.needs_gpu else self.max_draft_seconds


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in `environment` (default: that of the process).

    Raises InputError, which names the variable, for an invalid value.
    """
    values = os.environ if environment is None else environment
    password = values.get("PORTRAIT_PASSWORD") or None
    weights = Path(values.get("PORTRAIT_WEIGHTS") or ROOT / "weights/files").absolute()
    return Settings(
        data=Path(values.get("PORTRAIT_DATA") or ROOT / "data").absolute(),
        max_seconds=_parse_seconds(values, "PORTRAIT_MAX_SECONDS", Settings.max_seconds),
        max_draft_seconds=_parse_seconds(
            values, "PORTRAIT_MAX_DRAFT_SECONDS", Settings.max_draft_seconds
        ),
        running=_parse_count(values, "PORTRAIT_RUNNING", Settings.running),
        queue=_parse_count(values, "PORTRAIT_QUEUE", Settings.queue),
        queue_per_person=_parse_count(
            values, "PORTRAIT_QUEUE_PER_PERSON", Settings.queue_per_person
        ),
        keep_days=_parse_count(values, "PORTRAIT_KEEP_DAYS", Settings.keep_days),
        weights=weights,
        model=_parse_model(values, "PORTRAIT_MODEL"),
        device=_parse_device(values, "PORTRAIT_DEVICE"),
        strict=_parse_switch(values, "PORTRAIT_STRICT"),
        loras=_parse_loras(values, "PORTRAIT_LORAS", weights / "loras"),
        password=None if password == _NO_PASSWORD else password,
        unlocked=password == _NO_PASSWORD,
        api_token=values.get("PORTRAIT_API_TOKEN") or None,
        hosts=_parse_hosts(values, "PORTRAIT_HOSTS"),
        proxies=_parse_proxies(values, "PORTRAIT_PROXIES"),
        certificate=values.get("PORTRAIT_CERTIFICATE") or None,
        bucket=values.get("AWS_BUCKET_NAME") or None,
        region=values.get("AWS_REGION") or None,
        gpus=_parse_gpus(values, "PORTRAIT_GPU"),
        gpu_idle_minutes=_parse_count(
            values, "PORTRAIT_GPU_IDLE_MINUTES", Settings.gpu_idle_minutes, most=_MAX_IDLE_MINUTES
        ),
        secrets=_parse_secrets(values, "PORTRAIT_SECRETS"),
        on_modal=values.get("MODAL_IS_REMOTE") == "1",
    )


def build_container_environment(
    data: str, weights: str, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment variables for a container of the deployed app.

    They are the variables set in `environment` (default: that of the process), the folders `data`
    and `weights` of the container, and a default of four jobs at a time. The password, the API
    token and the certificate are left out, because they must not be stored in an image.
    """
    values = os.environ if environment is None else environment
    copied = {name: values[name] for name in _CONTAINER_VARIABLES if values.get(name)}
    return {"PORTRAIT_RUNNING": "4"} | copied | {"PORTRAIT_DATA": data, "PORTRAIT_WEIGHTS": weights}


def build_access_variables(settings: Settings) -> dict[str, str | None]:
    """Return the variables that restrict access to the app, or sign for it, for a Modal Secret.

    Unset ones are left out: an empty value would override the operator's own Secret. Raises
    InputError when the certificate's file can't be read.
    """
    certificate = settings.certificate and read_operator_certificate(settings.certificate)
    variables = {
        "PORTRAIT_PASSWORD": _NO_PASSWORD if settings.unlocked else settings.password,
        "PORTRAIT_API_TOKEN": settings.api_token,
        "PORTRAIT_CERTIFICATE": certificate,
    }
    return {name: value for name, value in variables.items() if value}


def read_operator_certificate(setting: str) -> str:
    """Return the PEM that `Settings.certificate` is, or that the file it names holds.

    A relative name is one in the project's folder. Raises InputError, which never quotes what may
    be a key.
    """
    if _PEM_BEGIN in setting:  # behind attributes, as some tools write
        return setting.replace("\\n", "\n")  # as Secrets in JSON may come
    try:
        return (ROOT / setting).read_text()
    except (OSError, ValueError):
        is_name = "." in setting and setting.isprintable() and len(setting) <= 200  # not base64
        given = f"is {setting!r}," if is_name else "names"
        advice = "Name a PEM file with a key and its certificates, or give what is in it."
        message = f"PORTRAIT_CERTIFICATE {given} a file that can't be read. {advice}"
        raise InputError(InputCode.BAD_OPTION, message) from None


def _parse_seconds(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.4 <= seconds <= 600:
        raise InputError(
            InputCode.BAD_OPTION, f"{name} is {text!r}. Set it to seconds from 0.4 to 600."
        )
    return seconds


def _parse_count(values: Mapping[str, str], name: str, default: int, most: int = 1000) -> int:
    text = values.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        message = f"{name} is {text!r}. Set it to a whole number from 1 to {most}."
        raise InputError(InputCode.BAD_OPTION, message)
    return int(text)


def _parse_switch(values: Mapping[str, str], name: str) -> bool:
    text = values.get(name) or "0"
    if text not in ("0", "1"):
        raise InputError(InputCode.BAD_OPTION, f"{name} is {text!r}. Set it to 1, or leave it out.")
    return text == "1"


def _parse_model(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name) or None
    if text and text not in MODELS:
        raise InputError(
            InputCode.BAD_OPTION, f"{name} is {text!r}. Set it to one of {', '.join(MODELS)}."
        )
    return text


def _parse_device(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name) or None
    if text and not DEVICE_PATTERN.fullmatch(text):
        raise InputError(
            InputCode.BAD_OPTION, f"{name} is {text!r}. Set it to cpu, cuda, or cuda:1 and so on."
        )
    return text


def _parse_loras(values: Mapping[str, str], name: str, folder: Path) -> tuple[Lora, ...]:
    """Return the LoRAs in a list of NAME=STRENGTH; relative names lie in `folder`."""
    found = []
    for text in _split_list(values.get(name)):
        file, has_strength, number = (part.strip() for part in text.partition("="))
        file = file.removesuffix(".safetensors")
        try:
            strength = float(number) if has_strength else Lora.strength
        except ValueError:
            strength = 0.0
        if not file or not strength or strength not in _LORA_STRENGTHS:
            message = (
                f"{name} has {text!r}. List the files as NAME or NAME=STRENGTH, "
                "with strengths from -4 to 4, but not 0."
            )
            raise InputError(InputCode.BAD_OPTION, message)
        found.append(Lora(str(folder / file), strength))
    return tuple(found)


def _parse_gpus(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    wanted = _split_list(values.get(name))
    for gpu in wanted:
        if find_gpu(gpu) is None:
            known = ", ".join(GPUS)
            message = f"{name} names {gpu!r}, which Modal does not have. Choose from {known}."
            raise InputError(InputCode.BAD_OPTION, message)
    return wanted or DEFAULT_GPUS


def _parse_hosts(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    wanted = tuple(host.lower().strip("[]") for host in _split_list(values.get(name)))
    for host in wanted:
        if not (_HOST_NAME.fullmatch(host) or _is_address(host)):
            message = (
                f"{name} has {host!r}. List names alone, as portrait.example.org or *.example.org."
            )
            raise InputError(InputCode.BAD_OPTION, message)
    return wanted


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _parse_proxies(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = []
    for proxy in _split_list(values.get(name)):
        try:
            found.append(str(ip_network(proxy, strict=False)))
        except ValueError as error:
            message = f"{name} has {proxy!r}. List addresses, as 10.0.0.2 or 10.0.0.0/8."
            raise InputError(InputCode.BAD_OPTION, message) from error
    return tuple(found)


def _parse_secrets(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    wanted = _split_list(values.get(name))
    for secret in wanted:
        if not _SECRET_NAME.fullmatch(secret):
            message = f"{name} names {secret!r}, which can't be a Modal Secret. Check its spelling."
            raise InputError(InputCode.BAD_OPTION, message)
    return wanted


def _split_list(text: str | None) -> tuple[str, ...]:
    """Return the names in a list separated by commas."""
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))
