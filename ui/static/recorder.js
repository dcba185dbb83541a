// A recording from the microphone.

import { openDialog, refusal } from "./dialog.js";
import { microphone } from "./microphone.js";
import { complain, settle } from "./places.js";
import { element } from "./shadow.js";
import { give } from "./uploads.js";
import { clock, words } from "./words.js";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-record]");
  if (button) open(button.dataset.record, Number(button.dataset.longest));
});

async function open(place, longest) {
  settle(place);
  const parts = recorderParts();
  let isOpen = true;
  let heard = null;
  const close = openDialog({
    title: words("recorderTitle"),
    content: [parts.status, parts.level],
    buttons: [parts.start, parts.stop, parts.use, parts.again],
    left: () => {
      isOpen = false;
      heard?.end();
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
  const bar = element("i");
  const level = element("div", { className: "level" }, bar);
  Object.assign(level, { role: "meter", ariaLabel: words("recorderLevel") });
  Object.assign(level, { ariaValueMin: 0, ariaValueMax: 100, ariaValueNow: 0 });
  const buttons = {
    start: button("recorderStart", "go"),
    stop: button("recorderStop", "go"),
    use: button("recorderUse", "go"),
    again: button("recorderAgain"),
  };
  const show = (...names) => {
    for (const [name, made] of Object.entries(buttons)) made.hidden = !names.includes(name);
    buttons[names[0]].focus();
  };
  return { ...buttons, status, level, bar, show };
}

// From ready to recording to recorded, and round again, until one is used.
function goOn(parts, heard, longest, use) {
  const { start, stop, use: take, again, status, level, bar, show } = parts;
  let recording = null;
  let file = null;
  const tell = (seconds) => {
    const time = clock(Math.min(seconds, longest));
    const sentence = words("recorderTime", { time, longest: clock(longest) });
    if (status.textContent !== sentence) status.textContent = sentence;
  };
  const ready = () => {
    tell(0);
    show("start");
  };
  const end = async () => {
    if (!recording) return;
    const ended = recording;
    recording = null;
    file = await ended.stop();
    show("use", "again");
  };
  status.className = "time";
  status.setAttribute("role", "timer"); // not read out at each second
  heard.watch((loud) => {
    bar.style.transform = `scaleX(${loud})`;
    level.ariaValueNow = Math.round(100 * loud);
    if (!recording) return;
    tell(recording.seconds());
    if (recording.seconds() >= longest) end();
  });
  start.onclick = () => {
    recording = heard.record();
    show("stop");
  };
  stop.onclick = end;
  again.onclick = ready;
  take.onclick = () => use(file);
  ready();
}
