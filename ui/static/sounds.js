// One sound at a time: a film or a recording that starts stops the other. The round buttons that
// play recordings, and the place on a waveform that is heard.

import { follow } from "./follow.js";
import { RATE_HZ, clipped, sound } from "./listening.js";
import { notice } from "./notice.js";
import { words } from "./words.js";

const LOST = "sound"; // the notice that a recording could not be played

let sounding = null;

/** Say that `media` (an audio or video element, or the like) is what is heard from now on. */
export function heard(media) {
  if (media.muted) return;
  if (sounding !== media) sounding?.pause();
  sounding = media;
}

const recordings = { muted: false, pause: stop };
let context = null; // made at the first press: browsers allow no sound before
let playing = null; // { key, parts, start } and, once it sounds, { source, since }

const seconds = (value, otherwise) => Math.round(Number(value ?? otherwise) * RATE_HZ);
const ends = (parts) => Math.max(...parts.map(({ at, samples }) => at + samples));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (!button) return;
  const key = button.dataset.play;
  if (playing?.key === key) return stop();
  stop();
  play(key, JSON.parse(key), button.dataset);
});

/** Play the parts, of their time what lies between `start` and `end`, in seconds. */
async function play(key, parts, { start, end }) {
  notice(LOST, "");
  heard(recordings);
  const first = seconds(start, 0);
  const last = Math.min(seconds(end, Infinity), ends(parts));
  const mine = { key, parts, start: first / RATE_HZ };
  playing = mine;
  draw();
  try {
    context ??= new AudioContext();
    await context.resume();
    const buffer = await sound(clipped(parts, first, last), last - first);
    if (playing !== mine) return; // another one was pressed meanwhile
    mine.source = new AudioBufferSourceNode(context, { buffer });
    mine.source.connect(context.destination);
    mine.source.onended = () => playing === mine && stop();
    mine.source.start();
    mine.since = context.currentTime;
    move();
  } catch {
    if (playing !== mine) return;
    stop();
    notice(LOST, words("soundLost"));
  }
}

function stop() {
  playing?.source?.stop();
  playing = null;
  draw();
  move();
}

// Where it is on a waveform, in seconds of that; null when that one is not heard now.
function placeOn({ dataset }, at) {
  if (dataset.heard === playing.key) return at;
  const sample = at * RATE_HZ;
  const part = playing.parts.find(
    (one) => one.url === dataset.heard && sample >= one.at && sample <= one.at + one.samples,
  );
  return part ? (sample - part.at + part.from) / RATE_HZ : null;
}

function move() {
  const at = playing?.source ? playing.start + context.currentTime - playing.since : null;
  for (const wave of document.querySelectorAll("[data-heard]")) {
    const place = at === null ? null : placeOn(wave, at);
    if (place === null) wave.style.removeProperty("--heard");
    else wave.style.setProperty("--heard", Math.min(place / Number(wave.dataset.length), 1));
  }
  document.dispatchEvent(new CustomEvent("tp-heard"));
  if (at !== null) requestAnimationFrame(move);
}

function draw() {
  const buttons = [...document.querySelectorAll("[data-play]")];
  if (playing && !buttons.some((button) => button.dataset.play === playing.key)) return stop();
  for (const button of buttons) {
    const on = button.dataset.play === playing?.key;
    const label = on ? button.dataset.labelPause : button.dataset.labelPlay;
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
    if (button.getAttribute("aria-pressed") !== String(on)) button.setAttribute("aria-pressed", on);
  }
}

follow(draw);
