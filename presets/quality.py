"""Quality presets by name: draft on the CPU; fast, balanced and best with MultiTalk.

Sources: steps, shift and guidance as published with MultiTalk and with the LoRAs that distil it
(lightx2v, FusionX). `step_s` was measured on an H200 with random weights of the true sizes: 3.3 s
a pass over 81 frames of 896x448, and 4.6 s to encode and decode them; `start_s` is a planning
figure. lightx2v was distilled for 4 steps that run the model, so `fast` has a fifth that reuses the
fourth's velocity. A distilled model has the prompt's guidance built in: more of it oversaturates
the picture, so none can be chosen.
"""

from presets.schema import ANY_STEPS, Bounds, EngineFamily, Lora, Preset, Range, Sampling

_DRAFT, _MULTITALK = EngineFamily.DRAFT, EngineFamily.MULTITALK
_DISTILLED = dict(shift=2.0, text_guidance=1.0, audio_guidance=2.0)
_LIGHTX2V = Sampling(5, **_DISTILLED, loras=(Lora("lightx2v"),), reuse_last=True)
_FUSIONX = Sampling(8, **_DISTILLED, loras=(Lora("fusionx"),), reuse_last=True)
_UNDISTILLED = Sampling(40, shift=7, text_guidance=5, audio_guidance=4)

_GUIDANCE_BUILT_IN = dict(text_guidance=Range(1, 1), audio_guidance=Range(1, 5))
_LIGHTX2V_BOUNDS = Bounds(Range(2, 12), **_GUIDANCE_BUILT_IN)
_FUSIONX_BOUNDS = Bounds(Range(4, 16), **_GUIDANCE_BUILT_IN)
_UNDISTILLED_BOUNDS = Bounds(Range(10, ANY_STEPS.maximum))


def _multitalk_preset(name: str, title: str, sampling: Sampling, bounds: Bounds) -> Preset:
    return Preset(
        name, title, _MULTITALK, sampling, overlap=25, start_s=20.0, step_s=3.3, bounds=bounds
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("draft", "Draft", _DRAFT, None, overlap=25, start_s=1.5, step_s=0.9),
        _multitalk_preset("fast", "Fast", _LIGHTX2V, _LIGHTX2V_BOUNDS),
        _multitalk_preset("balanced", "Balanced", _FUSIONX, _FUSIONX_BOUNDS),
        _multitalk_preset("best", "Best", _UNDISTILLED, _UNDISTILLED_BOUNDS),
    )
}
DRAFT_QUALITY, DEFAULT_QUALITY = "draft", "balanced"  # the latter for final videos
