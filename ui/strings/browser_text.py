"""Sentences that the browser's scripts show by themselves."""

from inference.core.inputs import MAX_PICTURE_MIB, MAX_RECORDING_MIB
from inference.core.write_access import MOVING_MESSAGE

_SENTENCES = {
    # sending a file
    "pictureLimitMib": str(MAX_PICTURE_MIB),
    "recordingLimitMib": str(MAX_RECORDING_MIB),
    "sendingPicture": "Sending the picture, {percent} %",
    "sendingRecording": "Sending the recording, {percent} %",
    "readingPicture": "Looking for the face",
    "readingRecording": "Listening to the recording",
    "pictureTooBig": "This picture is {size} MB; {limit} MB is the most. Choose a smaller one.",
    "recordingTooBig": "This recording is {size} MB; {limit} MB is the most. Choose a smaller one.",
    "fileEmpty": "This file is empty. Choose another one.",
    "sendingLost": "The connection was lost while the file was sent.",
    "sendAgain": "Send it again",
    "serverRefused": "The page could not take this file. Try it again.",
    "pasteEmpty": "There is no picture to paste. Copy one first.",
    "pasteRefused": "The browser did not allow pasting. Press Ctrl+V instead.",
    "notAFile": "Drop a picture or a recording here.",
    "pastedFile": "Pasted picture",
    # camera and microphone
    "cameraTitle": "Take a picture",
    "cameraTake": "Take the picture",
    "cameraAgain": "Take another",
    "cameraTaken": "The picture that was taken",
    "cameraFile": "Camera picture",
    "cameraStarting": "Starting the camera",
    "cameraRefused": "The browser did not allow the camera. "
    "Allow it beside the address, or choose a file.",
    "cameraNone": "No camera was found. Connect one, or choose a file.",
    "recorderTitle": "Record the voice",
    "recorderFile": "Recording",
    "recorderStarting": "Starting the microphone",
    "recorderRefused": "The browser did not allow the microphone. "
    "Allow it beside the address, or choose a file.",
    "recorderNone": "No microphone was found. Connect one, or choose a file.",
    "recorderStart": "Start recording",
    "recorderStop": "Stop",
    "recorderAgain": "Record again",
    "takeUse": "Use it",
    "takeListen": "Listen",
    "recorderTime": "{time} of {longest}",
    "recorderLevel": "Level of the microphone",
    "levelSpeech": "We hear you",
    "levelSilence": "Silence",
    "levelLoud": "Too loud",
    "recorderUnheard": "We hear nothing. Check the microphone.",
    "recorderLoud": "This is too loud and gets distorted. Move back from the microphone.",
    "recorderWasLoud": "Parts of this are too loud and distorted. Listen, and record it again.",
    "closeMessage": "Close this message",
    "cancel": "Cancel",
    # the film
    "playerControls": "Video controls",
    "play": "Play",
    "pause": "Pause",
    "mute": "Sound off",
    "unmute": "Sound on",
    "tapForSound": "Tap for sound",
    "fullScreen": "Full screen",
    "leaveFullScreen": "Leave full screen",
    "seek": "Place in the video",
    "seekText": "{at} of {duration}",
    "filmLost": "The video cannot be loaded now. It is kept.",
    "filmAgain": "Try again",
    "fileLost": "This file can't be had now. Try again.",
    "shareFailed": "This video could not be shared. Download it instead.",
    # framing and trimming
    "framingLabel": "The picture behind the frame. Drag to move it, or use the arrow keys; "
    "plus and minus zoom.",
    "framingX": "{percent} % from the left",
    "framingY": "{percent} % from the top",
    "framingZoom": "{percent} % of the fitting size",
    "boxPlace": "{percent} %",
    "trimText": "{from} s to {to} s, {length} s",
    "trimAt": "{at} s",
    "cutHere": "Cut here",
    "cutRemove": "Remove this cut",
    "speaking": "Speaking your text",
    "soundLost": "This recording can't be played now. Try again.",
    # the connection
    "connectionLost": "Connection lost. The work goes on; this page catches up by itself.",
    "moving": MOVING_MESSAGE,
    "filesFirst": "Files are read one after the other. Before yours: {files}.",
    "notDone": "This did not reach the page's server. Try it again.",
    # times
    "seconds": "{s} s",
    "minutes": "{min} min",
    "minutesSeconds": "{min} min {s} s",
    "timeLeft": "About {time} left",
    "elapsed": "{time} so far",
    "today": "Today {time}",
    "yesterday": "Yesterday {time}",
}


def for_browser() -> dict[str, str]:
    """Return the sentences by their names in the scripts, which fill in `{size}` and the like."""
    return dict(_SENTENCES)
