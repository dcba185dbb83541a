"""Models that MultiTalk can run, by name, and the devices that can be named."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """Model of a size. One that is not `trained` has random weights: it needs no files, runs on
    any CPU and draws noise, for tests and trials."""

    name: str
    trained: bool


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("multitalk-14b", trained=True),
        Model("multitalk-tiny", trained=False),
    )
}
DEFAULT_MODEL = "multitalk-14b"
DEVICE_PATTERN = re.compile(r"cpu|cuda(:[0-9]{1,2})?")  # as torch names them, in full
