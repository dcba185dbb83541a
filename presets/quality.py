"""The qualities by name: draft on the CPU; fast, balanced and best with MultiTalk.

Sources: steps, passes and distillation of each quality as published with MultiTalk and its
LoRAs (lightx2v, FusionX); the GPU times are planning figures, not measurements.
"""

from presets.schema import EngineFamily, Preset

_DRAFT, _MULTITALK = EngineFamily.DRAFT, EngineFamily.MULTITALK

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("draft", "Draft", _DRAFT, 0, 1, overlap=25, start_s=1.5, step_s=0.9),
        Preset("fast", "Fast", _MULTITALK, 4, 2, overlap=25, start_s=20.0, step_s=2.0),
        Preset("balanced", "Balanced", _MULTITALK, 8, 2, overlap=25, start_s=20.0, step_s=2.0),
        Preset("best", "Best", _MULTITALK, 40, 3, overlap=25, start_s=20.0, step_s=2.0),
    )
}
DRAFT_QUALITY, DEFAULT_QUALITY = "draft", "balanced"  # of a draft; of a final video unless chosen
GPU_DOLLARS_PER_HOUR = 3.95  # H100, Modal's price list of July 2026
