// A recording from the microphone: watched while it is made, heard before it is used.

import { openDialog, refusal } from "./dialog.js";
import { meter } from "./meter.js";
import { microphone } from "./microphone.js";
import { complain, settle } from "./places.js";
import { element } from "./shadow.js";
import { heard as soundsAlone } from "./sounds.js";
import { give } from "./uploads.js";
import { clock, words } from "./words.js";

const SILENT_PAGE = { muted: false, pause() {} }; // nothing else is heard on the recording

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-record]");
  if (button) open(button.dataset.record, Number(button.dataset.longest));
});

async function open(place, longest) {
  settle(place);
  soundsAlone(SILENT_PAGE);
  const parts = recorderParts();
  let isOpen = true;
  let heard = null;
  const close = openDialog({
    title: words("recorderTitle"),
    content: [parts.status, ...parts.level.parts],
    buttons: [parts.start, parts.stop, parts.listen, parts.use, parts.again],
    left: () => {
      isOpen = false;
      heard?.end();
      parts.sound.pause();
      parts.hold(null);
    },
  });
  try {
    heard = await microphone();
  } catch (error) {
    close();
    complain(place, refusal(error, "recorderRefused", "recorderNone"));
    return;
  }
  if (!isOpen) return heard.end(); // it was closed while the browser asked
  goOn(parts, heard, longest, (file) => {
    close();
    give(place, file);
  });
}

// The parts of the window; `show` says which buttons there are, and gives the first the focus.
function recorderParts() {
  const button = (name, className = "") =>
    element("button", { className, textContent: words(name), hidden: true });
  const status = element("p", { textContent: words("recorderStarting") });
  status.setAttribute("role", "status");
  const buttons = {
    start: button("recorderStart", "go"),
    stop: button("recorderStop", "go"),
    listen: button("takeListen", "listen"),
    use: button("takeUse", "go"),
    again: button("recorderAgain"),
  };
  const show = (...names) => {
    for (const [name, made] of Object.entries(buttons)) made.hidden = !names.includes(name);
    buttons[names[0]].focus();
  };
  const sound = new Audio();
  const hold = (file) => {
    URL.revokeObjectURL(sound.src);
    if (file) sound.src = URL.createObjectURL(file);
  };
  return { ...buttons, status, level: meter(), show, sound, hold };
}

// From ready to recording to recorded, and round again, until one is used.
function goOn(parts, heard, longest, use) {
  const { start, stop, again, level, show } = parts;
  const tell = teller(parts.status);
  let recording = null;
  let file = null;
  const ready = () => {
    parts.sound.pause();
    tell(0, longest);
    level.begin();
    show("start");
  };
  const end = async () => {
    if (!recording) return;
    const ended = recording;
    const lasted = Math.min(ended.seconds(), longest);
    recording = null;
    file = await ended.stop();
    level.rest();
    parts.hold(file);
    listening(parts, (at) => tell(at, lasted));
    tell(lasted, lasted);
    show("listen", "use", "again");
  };
  heard.watch((sample) => {
    if (!parts.use.hidden) return; // it is listened to
    level.draw(sample, recording?.seconds() ?? null);
    if (!recording) return;
    tell(recording.seconds(), longest);
    if (recording.seconds() >= longest || recording.ended()) end();
  });
  start.onclick = () => {
    level.begin();
    recording = heard.record();
    show("stop");
  };
  stop.onclick = end;
  again.onclick = ready;
  parts.use.onclick = () => use(file);
  ready();
}

// Tells the time in the line of that; it is not read out at each second.
function teller(status) {
  status.className = "time";
  status.setAttribute("role", "timer");
  return (seconds, of) => {
    const time = clock(Math.min(seconds, of));
    const sentence = words("recorderTime", { time, longest: clock(of) });
    if (status.textContent !== sentence) status.textContent = sentence;
  };
}

// The button that plays what was recorded; `tell` is told the time.
function listening({ listen, sound }, tell) {
  const draw = () => {
    listen.textContent = words(sound.paused ? "takeListen" : "pause");
  };
  listen.onclick = () => (sound.paused ? sound.play() : sound.pause());
  sound.onplay = sound.onpause = sound.onended = draw;
  sound.ontimeupdate = () => tell(sound.currentTime);
  draw();
}
