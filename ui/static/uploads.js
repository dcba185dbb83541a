// Sending a file: refused here when it can't be taken anyway, told how far it is, and sent again
// at a press when the connection was lost.

import { send } from "./bus.js";
import { complain, settle, tell } from "./places.js";
import { words } from "./words.js";

const MIB = 2 ** 20;
const NAME = 255; // characters of a file's name that are sent
const AGAIN_MS = 1000; // before a file that was refused for the moment is sent again
const STALLED_MS = 30_000; // nothing went on for so long: the connection is lost
const PICTURE = {
  kind: "picture",
  limitMib: Number(words("pictureLimitMib")),
  sending: "sendingPicture",
  reading: "readingPicture",
  tooBig: "pictureTooBig",
};
const VOICE = {
  kind: "voice",
  limitMib: Number(words("recordingLimitMib")),
  sending: "sendingRecording",
  reading: "readingRecording",
  tooBig: "recordingTooBig",
};

const running = new Map(); // place -> the request that sends its file

/** Whether a file is on its way. */
export const sending = () => running.size > 0;

/** Put `file` in its place on the desk; a file that is still on its way there is given up. */
export async function give(place, file) {
  const kind = place === "picture" ? PICTURE : VOICE;
  giveUp(place);
  settle(place);
  const refusal = refused(file, kind);
  if (refusal) {
    complain(place, refusal);
    return;
  }
  const again = { label: words("sendAgain"), act: () => give(place, file) };
  const request = new XMLHttpRequest();
  running.set(place, request);
  const answer = await sent(request, place, file, kind);
  if (running.get(place) !== request) return; // a newer file took its place
  if (answer?.again) {
    tell(place, answer.message);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    if (running.get(place) === request) await give(place, file);
    return;
  }
  if (answer === null) {
    complain(place, words("sendingLost"), again);
  } else if (answer.upload) {
    tell(place, words(kind.reading));
    await send(taken(place, answer.upload, file.name.slice(-NAME)));
  } else {
    complain(place, answer.message ?? words("serverRefused"), answer.message ? null : again);
  }
  if (running.get(place) !== request) return;
  running.delete(place);
  tell(place, "");
}

function giveUp(place) {
  const request = running.get(place);
  running.delete(place);
  request?.abort();
  tell(place, "");
}

function refused(file, { limitMib, tooBig }) {
  if (file.size === 0) return words("fileEmpty");
  if (file.size <= limitMib * MIB) return null;
  return words(tooBig, { size: Math.ceil(file.size / MIB), limit: limitMib });
}

function taken(place, upload, name) {
  if (place === "picture") return { do: "picture", upload, name };
  return { do: "voice", slot: Number(place.at(-1)), upload, name };
}

// The server's answer, null when there was none.
function sent(request, place, file, { kind, sending }) {
  return new Promise((resolve) => {
    let patience;
    const goesOn = (share) => {
      tell(place, words(sending, { percent: Math.floor(100 * share) }));
      clearTimeout(patience);
      patience = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.upload.onprogress = ({ loaded, total }) => goesOn(total ? loaded / total : 0);
    request.onloadend = () => {
      clearTimeout(patience);
      resolve(request.status ? read(request) : null);
    };
    request.open("POST", `/upload?kind=${kind}`);
    request.setRequestHeader("X-Portrait", "1");
    goesOn(0);
    request.send(file);
  });
}

function read(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {}; // an answer that isn't the page's own
  }
}
