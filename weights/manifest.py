"""Manifest of all model files: source, size, hash, and path in a set of weights.

Sizes and hashes are those of the pinned revision. Where one is None it was not published: it is
recorded at the first download (`weights.lock`), and later downloads must match it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from presets.models import DEFAULT_MODEL
from presets.quality import PRESETS

_HERE = Path(__file__).parent
INDEX = "diffusion_pytorch_model.safetensors.index.json"
VOICE_CONFIG = "audio/config.json"  # path in a set of weights


@dataclass(frozen=True)
class WeightFile:
    """File that ships with the project, with its SHA-256 in hexadecimal."""

    path: Path
    size_bytes: int
    sha256: str

    def is_intact(self) -> bool:
        """Return whether the file is present with the recorded size and hash."""
        if not self.path.is_file() or self.path.stat().st_size != self.size_bytes:
            return False
        return hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


@dataclass(frozen=True)
class Repo:
    """Repository of the Hugging Face hub at one revision, with the licence of its files."""

    name: str
    revision: str
    licence: str


@dataclass(frozen=True)
class HubFile:
    """File on the hub: `name` in its repository, `path_in_set` in a set of weights.

    The first folder of `path_in_set` is the file's part of the model. `lora` names the LoRA in the
    file: only qualities that use it need the file.
    """

    repo: Repo
    name: str
    path_in_set: str
    size_bytes: int | None = None
    sha256: str | None = None
    lora: str | None = None

    @property
    def key(self) -> str:
        return f"{self.repo.name}/{self.name}"

    @property
    def part(self) -> str:
        return self.path_in_set.partition("/")[0]

    @property
    def is_required(self) -> bool:
        """Whether a set without the file is incomplete.

        LoRAs are optional, and so is the voice encoder's configuration, which older sets lack: it
        is only compared.
        """
        return self.lora is None and self.path_in_set != VOICE_CONFIG


@dataclass(frozen=True)
class Manifest:
    """All files of a model.

    `shapes` is a JSON file with the shape of every tensor of the networks. `voice` has those
    settings of the voice encoder that its tensors don't show, under Transformers' names.
    """

    model: str
    files: tuple[HubFile, ...]
    shapes: Path
    voice: Mapping[str, object]

    def select_files(self, quality: str | None) -> tuple[HubFile, ...]:
        """Return the files that a quality needs; all of them for None."""
        if quality is None:
            return self.files
        sampling = PRESETS[quality].sampling
        loras = {lora.name for lora in sampling.loras} if sampling else set()
        return tuple(file for file in self.files if file.lora in {None, *loras})

    def read_shapes(self, part: str) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor of a network, under the network's names."""
        shapes = json.loads(self.shapes.read_text())[part]
        return {name: tuple(shape) for name, shape in shapes.items()}


FACE_DETECTOR = WeightFile(  # both face networks: MediaPipe (Google, Apache-2.0; licence beside)
    _HERE / "faces" / "face_detection_full_range.tflite",
    1_083_984,
    "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
)
FACE_MESH = WeightFile(
    _HERE / "faces" / "face_landmark.tflite",
    1_242_398,
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)

_WAN = Repo("Wan-AI/Wan2.1-I2V-14B-480P", "6b73f84e66371cdfe870c72acd6826e1d61cf279", "Apache-2.0")
_WAN_DIFFUSERS = Repo(
    "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
    "b184e23a8a16b20f108f727c902e769e873ffc73",
    "Apache-2.0",
)
_MULTITALK = Repo(
    "MeiGen-AI/MeiGen-MultiTalk", "b3ccbea2f68c89fafb277b9bd907905fff7a9337", "Apache-2.0"
)
_WAV2VEC = Repo("TencentGameMate/chinese-wav2vec2-base", "refs/pr/1", "MIT")
_FUSIONX = Repo("vrgamedevgirl84/Wan14BT2VFusioniX", "main", "see its page")
_KIJAI = Repo("Kijai/WanVideo_comfy", "main", "see its page")

_WAN_SHARDS = (
    (9_847_223_624, "09c0170242cfe9598208724585196ca18f294928fe25971149e1d7b37b3b51d6"),
    (9_797_021_016, "9e9dd8069241f0cbfe8f269e784e915ddaa7f177272b9850ae88c494d418c181"),
    (9_797_041_744, "22af36eb620c381d57a2dd5d5e3a001bf90ba0ca32f2d5013d6ca45225b11d5f"),
    (9_692_142_864, "5c2be0421b8df4a8e7dd31cdbb6489567438ae14b812b57518e43c6f4e49a755"),
    (9_692_142_864, "0ba7f3ab69f414f23e5566e607b9385a8f67907302cbaaf86507b3a826a20dda"),
    (9_692_142_864, "d7287e9233cbf67a75fce8ef8be24232ec93d6336f148972465db00008d69e28"),
    (7_061_933_536, "d1bc30f07b162c34b90e4ee4a349f81b6e1a3a342187ea9ea153c9e4dbb07676"),
)
_TEXT_SHARDS = (4_972_389_712, 4_899_225_672, 4_966_309_504, 4_999_880_704, 2_885_866_152)
_TOKENIZER = ("special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer_config.json")
_MODEL = "model.safetensors"


def _shard_name(stem: str, number: int, count: int) -> str:
    return f"{stem}-{number:05}-of-{count:05}.safetensors"


def _list_wan_shards() -> list[HubFile]:
    files = []
    for number, (size, sha256) in enumerate(_WAN_SHARDS, start=1):
        name = _shard_name("diffusion_pytorch_model", number, len(_WAN_SHARDS))
        files.append(HubFile(_WAN, name, f"transformer/{name}", size, sha256))
    return files


def _list_text_shards() -> list[HubFile]:
    files = []
    for number, size in enumerate(_TEXT_SHARDS, start=1):
        name = _shard_name("model", number, len(_TEXT_SHARDS))
        files.append(HubFile(_WAN_DIFFUSERS, f"text_encoder/{name}", f"text/{name}", size))
    return files


# MultiTalk's index maps the base model's tensors to Wan's shards and the rest to its own file; it
# replaces Wan's index, which is kept as a backup.
MULTITALK_14B = Manifest(
    model=DEFAULT_MODEL,
    files=(
        *_list_wan_shards(),
        HubFile(
            _WAN,
            INDEX,
            f"transformer/{INDEX}.base",
            116_451,
            "19d926a3743f6744a7e0f25298f75fe10cd28dbc31f48f8fd2b0ae45db64f90c",
        ),
        HubFile(
            _WAN,
            "config.json",
            "transformer/config.json",
            250,
            "b715e6ed094566c73a05e99129105683ff4362af6a783a17dc0dd32884a5d4a7",
        ),
        HubFile(
            _MULTITALK,
            "multitalk.safetensors",
            "transformer/multitalk.safetensors",
            9_947_889_040,
            "f4b48e2eb148e2407711dfc29ef411820094e5684435d5791a6d34b53fe9e1db",
        ),
        HubFile(_MULTITALK, INDEX, f"transformer/{INDEX}"),
        HubFile(
            _WAN_DIFFUSERS,
            "vae/diffusion_pytorch_model.safetensors",
            f"video/{_MODEL}",
            507_591_892,
        ),
        *_list_text_shards(),
        HubFile(_WAN_DIFFUSERS, f"image_encoder/{_MODEL}", f"image/{_MODEL}", 1_264_217_760),
        *(HubFile(_WAN_DIFFUSERS, f"tokenizer/{n}", f"tokenizer/{n}") for n in _TOKENIZER),
        HubFile(_WAV2VEC, _MODEL, f"audio/{_MODEL}"),
        HubFile(_WAV2VEC, "config.json", VOICE_CONFIG),
        HubFile(
            _FUSIONX,
            "FusionX_LoRa/Wan2.1_I2V_14B_FusionX_LoRA.safetensors",
            "loras/fusionx.safetensors",
            lora="fusionx",
        ),
        HubFile(
            _KIJAI,
            "Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank32.safetensors",
            "loras/lightx2v.safetensors",
            lora="lightx2v",
        ),
    ),
    shapes=_HERE / "multitalk_14b_shapes.json",
    voice={
        "model_type": "wav2vec2",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "do_stable_layer_norm": False,
        "feat_extract_norm": "group",
        "feat_extract_activation": "gelu",
        "conv_dim": [512] * 7,
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_bias": False,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
    },
)
