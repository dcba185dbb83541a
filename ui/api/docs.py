"""What the HTTP API says of itself: each route, and an example that works as it stands."""

from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB, Shape
from inference.core.options import OPTIONS, Permission
from presets.quality import DRAFT_QUALITY, PRESETS
from ui.api.intake import KEY_HEADER

_PAGE = """\
# Talking Portrait: the HTTP API

Send every request with the token that the server was started with (PORTRAIT_API_TOKEN), as
`Authorization: Bearer TOKEN`. Answers are JSON. A job belongs to the token that asked for it.

## A video from a shell

    API={base}api AUTH="Authorization: Bearer $PORTRAIT_API_TOKEN"
    job=$(curl -sS "$API/jobs" -H "$AUTH" -F image=@face.png -F audio=@voice.wav |
      grep -oE '[0-9a-f]{{32}}' | head -n 1)
    curl -sSN "$API/jobs/$job/events" -H "$AUTH"               # ends when the video is finished
    curl -sSf "$API/jobs/$job/result" -H "$AUTH" -o out.mp4

## Routes

POST   /api/jobs             a new job, of a form: 202 with its id, state, plan and links
GET    /api/jobs             your jobs, the newest first
GET    /api/jobs/ID          one: state, progress, plan, result or error, the report's verdict
GET    /api/jobs/ID/events   what happens, as Server-Sent Events; ends with the event `end`
GET    /api/jobs/ID/result   the mp4, whole or by ranges; of a cancelled job what was finished
GET    /api/jobs/ID/report   what was measured of it
POST   /api/jobs/ID/cancel   stop it; what is finished is kept
POST   /api/jobs/ID/resume   go on from the last finished window
DELETE /api/jobs/ID          delete it and all its files, at once

## The form

multipart/form-data. Files: image (up to {picture} MB), audio and, for the person on the right,
audio2 (up to {recording} MB each). All other fields may be left out:
{fields}.
They mean what the command line's options do: shape is one of {shapes}
(picture: the nearest to the picture's own), trim {trim} in seconds, crop {crop} in
pixels, quality one of {qualities} ({draft} unless given), turn 0, 90, 180 or 270
degrees clockwise (unless given, until a face stands upright), permission {permission}: that you
may use this face and this voice. It is kept with the job, which else says {unstated}.

With the header {key}: ANY-TEXT a request can be sent again: the same text gives the
same job, not a second one, as long as that job is there.

## Events

Each has its number as `id`. A stream that broke off goes on after the header Last-Event-ID, or
?after=NUMBER. With ?stream=0, or Accept: application/json, you get those so far as a list.

## States and errors

State: queued, running, finished, failed, cancelled, interrupted (its worker is gone: resume it).
An error is {{"error": {{"code": "no_face", "message": "..."}}}} with a status: 400 what you gave
can't be used, 401 no or a wrong token, 404 no such job, 409 not in this state, 413 too large,
415 not the right kind of file, 429 try again later (Retry-After says when), 5xx our side.
"""


def page(base: str) -> str:
    """The page in Markdown; `base` is the server's address with its last slash."""
    return _PAGE.format(
        base=base,
        picture=MAX_PICTURE_MIB,
        recording=MAX_RECORDING_MIB,
        trim=OPTIONS["trim"].metavar,
        crop=OPTIONS["crop"].metavar,
        fields=", ".join(OPTIONS),
        qualities=", ".join(PRESETS),
        shapes=", ".join(Shape),
        draft=DRAFT_QUALITY,
        key=KEY_HEADER,
        permission=Permission.STATED,
        unstated=Permission.NOT_STATED,
    )
