"""Prompts for MultiTalk: scenes to choose from, default prompts and the negative prompt."""

from dataclasses import dataclass

# Used where no prompt was written, by the number of speakers.
DEFAULT_PROMPTS = {
    1: "A person talks to the camera with natural expression, lips, eyes and head moving slightly.",
    2: "Two people have a lively conversation, facing the camera, each moving when they speak.",
}
# The negative prompt published with the model.
NEGATIVE_PROMPT = (
    "bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, "
    "images, static, overall gray, worst quality, low quality, JPEG compression residue, ugly, "
    "incomplete, extra fingers, poorly drawn hands, poorly drawn faces, deformed, disfigured, "
    "misshapen limbs, fused fingers, still picture, messy background, three legs, many people in "
    "the background, walking backwards"
)


@dataclass(frozen=True)
class Scene:
    """Way to speak, for one or two people. `prompt` describes their movement, not their looks,
    which the model gets from the picture."""

    name: str
    title: str
    prompt: str


SCENES: dict[str, Scene] = {
    scene.name: scene
    for scene in (
        Scene(
            "calm",
            "Calm",
            "A calm interview, looking into the camera, with natural expressions, small nods and "
            "an easy smile. The camera stands still.",
        ),
        Scene(
            "news",
            "News",
            "The news is read to the camera, composed and upright, with clear lip movements, a "
            "steady gaze and hardly any gestures. The camera stands still.",
        ),
        Scene(
            "story",
            "Story",
            "A story is told warmly, the head tilting and the eyebrows rising as it unfolds, with "
            "a glance aside now and then. The camera stands still.",
        ),
        Scene(
            "lively",
            "Lively",
            "Talking with enthusiasm and a wide smile, with lively eyes, a head that moves along "
            "with the words and small gestures of the hands.",
        ),
        Scene(
            "song",
            "Song",
            "Singing with feeling, the mouth opening wide, the eyes half closed on the long notes, "
            "the head and the shoulders swaying gently with the music.",
        ),
    )
}
