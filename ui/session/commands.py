"""Commands of the page: each action with its typed values, as a browser sends them.

`parse_action` is the only way in: other input is refused.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from inference.core.errors import InputCode, InputError
from inference.jobs.store import ID
from ui.session.session import Editor
from ui.strings import text

Slot = Annotated[int, Field(ge=0, le=1)]
Id = Annotated[str, Field(pattern=rf"^{ID.pattern}$")]
Ids = Annotated[str, Field(pattern=rf"^{ID.pattern}( {ID.pattern})*$", max_length=100_000)]
Name = Annotated[str, Field(max_length=255)]
Pixels = Annotated[float, Field(ge=-100_000, le=100_000)]
MAX_TYPED_CHARS = 20_000  # characters saved; MAX_SPOKEN_CHARS of them can be spoken
Seconds = Annotated[float, Field(ge=0, le=100_000)]


@checked(frozen=True)
class Refresh:
    do: Literal["refresh"]


@checked(frozen=True)
class CloseMessage:
    """Close the message about the last action that failed."""

    do: Literal["dismiss"]


@checked(frozen=True)
class AddPicture:
    do: Literal["picture"]
    upload: Id
    name: Name


@checked(frozen=True)
class AddVoice:
    do: Literal["voice"]
    slot: Slot
    upload: Id
    name: Name


@checked(frozen=True)
class UseExample:
    do: Literal["example"]
    name: Name


@checked(frozen=True)
class TurnPicture:
    """Turn the picture by `by` degrees clockwise."""

    do: Literal["turn"]
    by: Annotated[int, Field(ge=90, le=270, multiple_of=90)]


@checked(frozen=True)
class RemoveVoice:
    """Remove a recording from the session."""

    do: Literal["remove"]
    slot: Slot


@checked(frozen=True)
class SwapVoices:
    do: Literal["swap"]


@checked(frozen=True)
class SetField:
    """Set a field's value; `ui.session.reducer` knows the fields."""

    do: Literal["set"]
    field: Name
    value: Annotated[str, Field(max_length=2000)] | bool | int


@checked(frozen=True)
class OpenEditor:
    """Open an editor; '' closes it."""

    do: Literal["edit"]
    what: Editor


@checked(frozen=True)
class CancelEditing:
    """Close the open editor and restore what was there before."""

    do: Literal["edit-cancel"]


@checked(frozen=True)
class ChooseCrop:
    """Set the crop; `left`, `top`, `width` in pixels of the upright source picture."""

    do: Literal["crop"]
    left: Pixels
    top: Pixels
    width: Pixels


@checked(frozen=True)
class ResetFraming:
    do: Literal["crop-reset"]


@checked(frozen=True)
class MoveBox:
    """Move the box of speaker `index`; in pixels of the upright source picture."""

    do: Literal["box"]
    index: Slot
    left: Pixels
    top: Pixels
    right: Pixels
    bottom: Pixels


@checked(frozen=True)
class ToggleSpeaker:
    """Toggle whether face `face`, counted from the left, speaks."""

    do: Literal["speaks"]
    face: Annotated[int, Field(ge=0, le=1000)]


@checked(frozen=True)
class ChooseTrim:
    do: Literal["trim"]
    start: Seconds
    end: Seconds


@checked(frozen=True)
class ResetTrim:
    do: Literal["trim-reset"]


@checked(frozen=True)
class SaveText:
    """Save a text that is not spoken yet."""

    do: Literal["type"]
    text: Annotated[str, Field(max_length=MAX_TYPED_CHARS)]


@checked(frozen=True)
class SpeakText:
    """Synthesise a recording of a text, one for each of two speakers."""

    do: Literal["speak"]
    text: Annotated[str, Field(max_length=MAX_TYPED_CHARS)]


@checked(frozen=True)
class HandOverPart:
    """Give a part of the recording being split to the next: left, right, both."""

    do: Literal["hand-over"]
    phrase: Annotated[int, Field(ge=0, le=100_000)]


@checked(frozen=True)
class CutPart:
    """Cut the recording being split at `at`, or remove the cut that is there."""

    do: Literal["cut"]
    at: Seconds


@checked(frozen=True)
class SplitVoice:
    """Split a recording in two, each silent where the other speaks."""

    do: Literal["split"]


@checked(frozen=True)
class JoinVoices:
    """Restore the recording that was split, or leave its editor."""

    do: Literal["one-voice"]


@checked(frozen=True)
class SessionCommand:
    """Command on the session as a whole.

    `middle`: use the middle of a picture without a face. `make`: start a final video. `draft`: make
    the draft again that was deleted. `version`: return to the draft, with another seed. `again`:
    clear the session; its jobs go on. `stop`, `resume`, `restart`, `publish`: of its newest job.
    `permission`: with the statement that the face and the voice may be used. `ask-not`: don't make
    what asks for it. `take-back`: take it back.
    """

    do: Literal[
        "middle", "make", "draft", "stop", "resume", "restart", "version", "again", "publish"
    ] | Literal["ask-not", "take-back"]  # fmt: skip
    permission: bool = False


@checked(frozen=True)
class HistoryCommand:
    """Command on a job of the history."""

    do: Literal["select", "open", "use", "delete"]
    job: Id


@checked(frozen=True)
class RenameJob:
    """Give a job of the history another title; `value` may be longer than it can be."""

    do: Literal["rename"]
    job: Id
    value: Annotated[str, Field(max_length=2000)]


@checked(frozen=True)
class DeleteJobs:
    """Delete jobs for good; `job` are their ids, with spaces between them."""

    do: Literal["delete-sure"]
    job: Ids


@checked(frozen=True)
class ChooseJobs:
    """Tick a job of the history, or untick it; or tick just these jobs."""

    do: Literal["choose", "choose-all"]
    job: Ids


@checked(frozen=True)
class ChosenCommand:
    """Untick all jobs, ask whether to delete the ticked ones, or leave what was to be deleted."""

    do: Literal["choose-none", "delete-chosen", "delete-not"]


Action = (
    Refresh
    | CloseMessage
    | AddPicture
    | AddVoice
    | UseExample
    | TurnPicture
    | RemoveVoice
    | SwapVoices
    | SetField
    | OpenEditor
    | CancelEditing
    | ChooseCrop
    | ResetFraming
    | MoveBox
    | ToggleSpeaker
    | ChooseTrim
    | ResetTrim
    | SaveText
    | SpeakText
    | HandOverPart
    | CutPart
    | SplitVoice
    | JoinVoices
    | SessionCommand
    | HistoryCommand
    | RenameJob
    | DeleteJobs
    | ChooseJobs
    | ChosenCommand
)
_ACTION: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="do")])

DECODING_ACTIONS = ("picture", "turn", "voice", "example", "speak")  # they take a while


def parse_action(values: Mapping[str, object]) -> Action:
    """Return the action that a browser sent. Raises InputError for anything else."""
    known = {name: value for name, value in values.items() if name != "view"}
    try:
        return _ACTION.validate_python(known)
    except ValidationError as error:
        raise InputError(InputCode.BAD_OPTION, text.BROKE, str(error)) from error
