"""Typed text and a split recording, without a browser."""

from pathlib import Path

from inference.core.inputs import Speaking
from tests.support.bad_files import write_wav
from tests.support.media import DRAWN_PAIR
from tests.support.people import ME, Person, files
from tests.support.sounds import read_wav
from tests.support.sounds import write_wav as write_samples


def test_a_split_recording_lies_on_the_desk_twice_and_comes_back(
    alone: Person, tmp_path: Path
) -> None:
    spoken = read_wav(write_wav(tmp_path / "a.wav", 0.8, 0.1, silence_s=0.7))
    source = write_samples(tmp_path / "both.wav", spoken.repeat(2, 1).T.reshape(-1, 1))
    given = alone.give("voice", source, slot=0).session.voices[0]
    assert given and len(given.phrases) == 2
    assert alone.do("edit", what="split").session.owners == (0, 1)
    alone.do("hand-over", phrase=1)
    assert alone.do("hand-over", phrase=1).session.owners == (0, 0)
    refused = alone.do("split")
    assert refused.problem and refused.problem.area == "voice-0"
    assert refused.problem.message.startswith("Everything is said by one of the two.")
    alone.do("hand-over", phrase=1)
    left, right = (done := alone.do("split").session).voices
    assert left and right and done.editing == "" and done.choices.speaking is Speaking.TOGETHER
    assert left.recording.samples == right.recording.samples == given.recording.samples
    assert (len(left.phrases), len(right.phrases)) == (1, 1)
    assert left.phrases[0].end_s < right.phrases[0].start_s
    assert {left.file, right.file, given.file} < files(alone.data / "desks" / ME)
    alone.do("edit", what="split")
    alone.do("hand-over", phrase=0)
    alone.do("hand-over", phrase=1)
    alone.do("hand-over", phrase=1)
    left_by_trimming = alone.do("edit", what="trim").session
    assert left_by_trimming.editing == "trim" and left_by_trimming.owners == (1, 0)
    assert left_by_trimming.voices[0] and left_by_trimming.voices[0].phrases == right.phrases
    back = alone.do("one-voice").session
    assert back.voices == (given, None) and back.whole is None
    assert files(alone.data / "desks" / ME) == {given.file, "desk.json"}


def test_a_text_that_can_not_be_spoken_is_kept(alone: Person) -> None:
    shown = alone.do("speak", text="1: Hello.\n2: Hi.")
    assert shown.problem and shown.problem.area == "voice-0"
    assert "only one speaks here" in shown.problem.message
    assert shown.session.typed == "1: Hello.\n2: Hi." and shown.session.voices == (None, None)


def test_a_text_becomes_a_recording(alone: Person) -> None:
    alone.do("edit", what="typing")
    desk = alone.do("speak", text="Hello there.").session
    spoken = desk.voices[0]
    assert spoken and spoken.name == "Typed text" and not spoken.recording.is_silent
    assert desk.editing == "" and desk.typed == "Hello there."


def test_what_is_not_typed_any_more_is_not_said(alone: Person) -> None:
    alone.give("picture", DRAWN_PAIR)
    shown = alone.do("speak", text="1: Hi.\n2: Hello.")
    said = [[each.words for each in voice.sentences] for voice in shown.session.voices if voice]
    assert said == [["Hi."], ["Hello."]]
    assert shown.job and shown.job.name == "drawn pair - Hi, Hello"
    first, second = (alone.data / "jobs" / shown.job.id / "subtitles.srt").read_text().split("\n\n")
    assert first.splitlines()[0::2] == ["1", "Hi."] and second.splitlines()[0::2] == ["2", "Hello."]
    left, right = alone.do("speak", text="1: Hi.").session.voices
    assert left and not right
