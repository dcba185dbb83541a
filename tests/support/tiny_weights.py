"""The files of MultiTalk as they are on the hub, but of the tiny model: names, layout, formats."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import Wav2Vec2Config

from inference.multitalk.models.registry import MODELS, Networks, initialise_networks
from tests.support.tiny_networks import MODEL, random
from weights.manifest import INDEX, MULTITALK_14B, VOICE_CONFIG, HubFile, Manifest
from weights.sets import NETWORKS

SEED = 11
LORA_MODULES = ("blocks.0.self_attn.q", "blocks.1.ffn.0", "time_embedding.0", "head.head")
_SHAPES = "shapes.json"
_TEXT = "abcdefghijklmnopqrstuvwxyz,.'-"


@cache
def networks() -> Networks:
    """The tiny model whose files these are."""
    return initialise_networks(MODELS[MODEL], SEED)


def manifest(hub: Path) -> Manifest:
    """The real manifest, with nothing known of sizes and hashes, and what the tiny model is."""
    files = tuple(replace(f, size_bytes=None, sha256=None) for f in MULTITALK_14B.files)
    voice = {name: _voice()[name] for name in MULTITALK_14B.voice}
    return replace(MULTITALK_14B, files=files, shapes=hub / _SHAPES, voice=voice)


def write_hub(hub: Path) -> Manifest:
    """Write every file of the manifest below `hub`, as owner/repo/name."""
    made = manifest(hub)
    transformer = state("transformer")
    own = [name for name in transformer if "audio" in name or "norm_x" in name]
    base = [name for name in transformer if name not in own]
    shards = _of_part(made, "transformer/diffusion_pytorch_model-")
    base_map = _spread(hub, shards, {name: transformer[name] for name in base})
    (multitalk,) = _of_part(made, "transformer/multitalk")
    audio = {n: transformer[n].bfloat16() if "norm_x" in n else transformer[n] for n in own}
    _save(hub, multitalk, audio)
    full_map = base_map | dict.fromkeys(own, "multitalk.safetensors")
    for file in _of_part(made, f"transformer/{INDEX}"):
        weight_map = base_map if file.path_in_set.endswith(".base") else full_map
        _write(hub, file, json.dumps({"metadata": {}, "weight_map": weight_map}))
    _write(hub, _of_part(made, "transformer/config")[0], "{}")
    _save(hub, _of_part(made, "video")[0], state("video"))
    _spread(hub, _of_part(made, "text"), state("text"))
    _save(hub, _of_part(made, "image")[0], _image())
    _save(hub, _of_part(made, "audio")[0], _audio())
    _write(hub, _of_part(made, VOICE_CONFIG)[0], json.dumps(_voice()))
    _tokenizer(hub, _of_part(made, "tokenizer"))
    for file in _of_part(made, "loras"):
        _save(hub, file, lora(file.lora or ""))
    shapes = {part: {n: list(t.shape) for n, t in state(part).items()} for part in NETWORKS}
    (hub / _SHAPES).write_text(json.dumps(shapes))
    return made


def state(part: str) -> dict[str, Tensor]:
    """A network's tensors as a file holds them: none twice."""
    tensors = getattr(networks(), part).state_dict()
    tensors.pop("encoder.embed_tokens.weight", None)
    return {name: tensor.clone().contiguous() for name, tensor in tensors.items()}


def lora(name: str) -> dict[str, Tensor]:
    """A LoRA of rank 4 with every kind of key that is found; one for each name."""
    down, up = ("lora_down", "lora_up") if name == "fusionx" else ("lora_A", "lora_B")
    shapes, tensors, seed = networks().transformer.state_dict(), dict[str, Tensor](), len(name)
    for module in LORA_MODULES:
        rows, columns = shapes[f"{module}.weight"].shape
        tensors[f"diffusion_model.{module}.{down}.weight"] = 0.2 * random(seed, 4, columns)
        tensors[f"diffusion_model.{module}.{up}.weight"] = 0.2 * random(seed + 1, rows, 4)
        tensors[f"diffusion_model.{module}.diff_b"] = 0.1 * random(seed + 2, rows)
    tensors["diffusion_model.blocks.0.self_attn.q.alpha"] = torch.tensor(2.0)
    tensors["diffusion_model.blocks.0.norm3.diff"] = 0.1 * random(seed + 3, 32)
    tensors["diffusion_model.blocks.1.modulation.diff"] = 0.1 * random(seed + 4, 1, 6, 32)
    tensors["diffusion_model.blocks.1.diff_m"] = torch.ones(1)  # that and alpha don't count
    return {key: tensor.half() for key, tensor in tensors.items()}


def _voice() -> dict[str, object]:
    """The voice encoder's settings as its repository has them."""
    return dict(json.loads(Wav2Vec2Config(**MODELS[MODEL].audio).to_json_string(use_diff=False)))


def _image() -> dict[str, Tensor]:
    tensors = {f"vision_model.{name}": t.bfloat16() for name, t in state("image").items()}
    tensors["visual_projection.weight"] = torch.zeros(16, 32, dtype=torch.bfloat16)
    positions = torch.arange(17).unsqueeze(0)  # as older versions of the library saved them
    return tensors | {"vision_model.embeddings.position_ids": positions}


def _audio() -> dict[str, Tensor]:
    tensors = {"quantizer.codevectors": torch.zeros(1, 4), "project_q.bias": torch.zeros(2)}
    for name, tensor in state("audio").items():
        old = name.replace(".parametrizations.weight.original0", ".weight_g")
        old = old.replace(".parametrizations.weight.original1", ".weight_v")
        tensors[f"wav2vec2.{old}"] = tensor
    return tensors


def _tokenizer(hub: Path, files: list[HubFile]) -> None:
    for file in files:
        _write(hub, file, tokenizer().to_str() if file.name.endswith("tokenizer.json") else "{}")


def tokenizer() -> Tokenizer:
    """One that is built as umT5's, of single letters."""
    special = ("<pad>", "</s>", "<s>", "<unk>")
    pieces = [*((name, 0.0) for name in special), ("▁", -2.0), *((c, -3.0) for c in _TEXT)]
    made = Tokenizer(Unigram(pieces, unk_id=3, byte_fallback=False))
    made.pre_tokenizer = Metaspace()
    made.post_processor = TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    made.add_special_tokens([AddedToken(name, normalized=False) for name in special])
    return made


def _of_part(made: Manifest, start: str) -> list[HubFile]:
    return [file for file in made.files if file.path_in_set.startswith(start)]


def _spread(hub: Path, files: list[HubFile], tensors: dict[str, Tensor]) -> dict[str, str]:
    """The tensors in these files, in turn; which is in which."""
    names = list(tensors)
    for number, file in enumerate(files):
        _save(hub, file, {name: tensors[name] for name in names[number :: len(files)]})
    return {name: Path(files[number % len(files)].name).name for number, name in enumerate(names)}


def _save(hub: Path, file: HubFile, tensors: dict[str, Tensor]) -> None:
    target = hub / file.repo.name / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target, metadata={"format": "pt"})


def _write(hub: Path, file: HubFile, text: str) -> None:
    target = hub / file.repo.name / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
