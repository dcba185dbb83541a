"""What was fetched whole but is not of this model is told right after the download."""

import json

from tests.support.hub import Hub
from tests.support.weights_runner import FILES, Machine, keys, lora_of
from weights.manifest import VOICE_CONFIG

LORA = next(file for file in FILES if file.lora == "lightx2v")
CONFIG = next(file for file in FILES if file.path_in_set == VOICE_CONFIG)


def test_a_lora_that_does_not_fit_is_named_and_kept_and_all_else_is_laid_out(
    bare: Machine, hub: Hub
) -> None:
    (hub.folder / LORA.key).write_bytes(lora_of(bytes(40)))
    done = bare.run("download")
    wanted = "Files that don't fit: 1. All else can be used. Update this project."
    assert done.told() == wanted
    said = done.out.splitlines()[-1]
    assert said == (
        f"{LORA.key} does not fit the model: diffusion_model.head.head.diff_b: the change is "
        "(10,), head.head.bias is (64,). It is left out, so there is no fast."
    )
    assert bare.checked() == keys(FILES)
    assert bare.marked() and not (bare.original / LORA.path_in_set).exists()
    (row,) = (line for line in bare.run("status").out.splitlines() if LORA.key in line)
    assert "does not fit" in row
    hub.fetched.clear()
    bare.download("--quality", "balanced")
    assert bare.run("assemble").told() == bare.run("download", "--quality", "fast").told() == wanted
    assert bare.marked() and not hub.fetched


def test_settings_of_another_voice_encoder_are_named_and_nothing_is_laid_out(
    bare: Machine, hub: Hub
) -> None:
    (hub.folder / CONFIG.key).write_text(json.dumps({"do_stable_layer_norm": True}))
    line = bare.run("download").told()
    assert line == (
        f"{CONFIG.key} does not fit the model: do_stable_layer_norm is true, and false is wanted. "
        "Update this project."
    )
    assert bare.checked() == keys(FILES) and not bare.marked()


def test_a_set_from_before_there_were_settings_counts_until_they_come(
    machine: Machine, hub: Hub
) -> None:
    machine.lose(CONFIG)
    known = machine.lock()
    del known[CONFIG.key]
    (machine.weights / "lock.json").write_text(json.dumps(known))
    hub.refuse[CONFIG.key] = 503
    assert CONFIG.key in machine.run("download").told()
    assert machine.marked()
    hub.refuse.clear()
    machine.download()
    assert hub.fetched == [CONFIG.key] and machine.marked()
