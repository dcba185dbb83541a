"""The qualities by name: draft on the CPU; fast, balanced and best with MultiTalk.

Sources: steps, shift and guidance as published with MultiTalk and with the LoRAs that distil it
(lightx2v, FusionX); the GPU times are planning figures for an H100, not measurements.
"""

from presets.schema import EngineFamily, Preset, Sampling

_DRAFT, _MULTITALK = EngineFamily.DRAFT, EngineFamily.MULTITALK
_DISTILLED = dict(shift=2.0, text_guidance=1.0, audio_guidance=2.0)
_LIGHTX2V = Sampling(4, **_DISTILLED, lora="lightx2v", reuse_last=True)
_FUSIONX = Sampling(8, **_DISTILLED, lora="fusionx", reuse_last=True)
_PLAIN = Sampling(40, shift=7, text_guidance=5, audio_guidance=4)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("draft", "Draft", _DRAFT, None, overlap=25, start_s=1.5, step_s=0.9),
        Preset("fast", "Fast", _MULTITALK, _LIGHTX2V, overlap=25, start_s=20.0, step_s=2.0),
        Preset("balanced", "Balanced", _MULTITALK, _FUSIONX, overlap=25, start_s=20.0, step_s=2.0),
        Preset("best", "Best", _MULTITALK, _PLAIN, overlap=25, start_s=20.0, step_s=2.0),
    )
}
DRAFT_QUALITY, DEFAULT_QUALITY = "draft", "balanced"  # of a draft; of a final video unless chosen
