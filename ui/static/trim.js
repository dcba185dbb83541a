// The two sliders of the trimmer, which hold its edges: they keep the part between them as long as it must be and no
// longer than it may be.

import { send } from "./bus.js";
import { follow } from "./follow.js";
import { words } from "./words.js";

const sliders = (trimmer) =>
  ["start", "end"].map((name) => trimmer.querySelector(`[data-trim="${name}"]`));

/** The part after `moved` ("start" or "end") was moved: the other end follows if it has to. */
function fitted(moved, start, end, { duration, longest, least }) {
  if (moved === "start") {
    const from = Math.min(start, duration - least);
    return [from, Math.min(Math.max(end, from + least), from + longest)];
  }
  const to = Math.max(end, least);
  return [Math.max(Math.min(start, to - least), to - longest), to];
}

function limits({ dataset }) {
  return {
    duration: Number(dataset.duration),
    longest: Number(dataset.longest),
    least: Number(dataset.least),
  };
}

const trimmerOf = (target) => target.dataset.trim && target.closest("[data-trimmer]");

document.addEventListener("input", ({ target }) => {
  const trimmer = trimmerOf(target);
  if (!trimmer) return;
  const [start, end] = sliders(trimmer);
  const at = [start.valueAsNumber, end.valueAsNumber];
  [start.value, end.value] = fitted(target.dataset.trim, ...at, limits(trimmer));
  draw(trimmer);
});

document.addEventListener("change", ({ target }) => {
  const trimmer = trimmerOf(target);
  if (!trimmer) return;
  const [start, end] = sliders(trimmer);
  send({ do: "trim", start: start.valueAsNumber, end: end.valueAsNumber });
});

// What is shown is what is used, also when the sliders were left where they stood.
document.addEventListener(
  "click",
  ({ target }) => {
    const trimmer = target.closest('[data-do="edit"]') && target.closest("[data-trimmer]");
    if (!trimmer) return;
    const [start, end] = sliders(trimmer).map((slider) => slider.valueAsNumber);
    const { duration, longest } = limits(trimmer);
    if (start > 0 || end < duration || duration >= longest) send({ do: "trim", start, end });
  },
  { capture: true },
);

function draw(trimmer) {
  const [start, end] = sliders(trimmer);
  const [from, to] = [start.valueAsNumber, end.valueAsNumber];
  const { duration } = limits(trimmer);
  trimmer.style.setProperty("--from", from / duration);
  trimmer.style.setProperty("--to", to / duration);
  const play = trimmer.querySelector("[data-play]");
  if (play) part(play.dataset, from, to);
  speak(start, from);
  speak(end, to);
  const text = words("trimText", {
    from: from.toFixed(2),
    to: to.toFixed(2),
    length: (to - from).toFixed(2),
  });
  const line = trimmer.querySelector("[data-trim-text]");
  if (line.textContent !== text) line.textContent = text;
}

function part(dataset, from, to) {
  if (dataset.start !== String(from)) dataset.start = from;
  if (dataset.end !== String(to)) dataset.end = to;
}

function speak(slider, seconds) {
  const text = words("trimAt", { at: seconds.toFixed(2) });
  if (slider.getAttribute("aria-valuetext") !== text) slider.setAttribute("aria-valuetext", text);
}

follow(() => document.querySelectorAll("[data-trimmer]").forEach(draw));
