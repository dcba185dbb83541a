// The two edges of the part to use, dragged on the waveform; the sliders of the trimmer hold them.
// Near an edge it is that edge, between the two it is both.

const NEAR_PX = 22;

let held = null; // { strip, which, from, at: the sliders' values and the pointer's when pressed }

const slidersOf = (strip) =>
  ["start", "end"].map((name) =>
    strip.closest("[data-trimmer]").querySelector(`[data-trim="${name}"]`),
  );

function secondsAt(strip, { clientX }) {
  const { left, width } = strip.getBoundingClientRect();
  const { duration } = strip.closest("[data-trimmer]").dataset;
  return { at: ((clientX - left) / width) * duration, near: (NEAR_PX / width) * duration };
}

/** "start", "end" or "both": what a press at `at` seconds takes hold of. */
function grasped(at, near, [start, end]) {
  const [toStart, toEnd] = [Math.abs(at - start), Math.abs(at - end)];
  if (at > start && at < end && Math.min(toStart, toEnd) > near) return "both";
  return toStart < toEnd || (toStart === toEnd && at < start) ? "start" : "end";
}

function set(slider, value) {
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}

function drag(event) {
  const [start, end] = slidersOf(held.strip);
  const moved = secondsAt(held.strip, event).at - held.at;
  if (held.which === "start") return set(start, held.from[0] + moved);
  if (held.which === "end") return set(end, held.from[1] + moved);
  const room = Number(end.max) - (held.from[1] - held.from[0]);
  const first = Math.min(Math.max(held.from[0] + moved, 0), room);
  start.value = first;
  set(end, first + held.from[1] - held.from[0]);
}

document.addEventListener("pointerdown", (event) => {
  const strip = event.target.closest("[data-edges]");
  if (!strip || event.button !== 0) return;
  const { at, near } = secondsAt(strip, event);
  const from = slidersOf(strip).map((slider) => slider.valueAsNumber);
  const which = grasped(at, near, from);
  held = { strip, which, from, at };
  strip.setPointerCapture(event.pointerId);
  event.preventDefault(); // no text is selected
});
document.addEventListener("pointermove", (event) => held && drag(event));
document.addEventListener("pointerup", () => {
  if (!held) return;
  slidersOf(held.strip)[1].dispatchEvent(new Event("change", { bubbles: true }));
  held = null;
});
document.addEventListener("pointercancel", () => {
  held = null;
});
