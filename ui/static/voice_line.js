// The voice line shows where the film is, and a press or a drag on it looks for a place.

import { follow } from "./follow.js";

const playerOf = (line) => line.closest("#tp-stage, .tp-stage")?.querySelector("tp-player[film]");

function draw() {
  for (const line of document.querySelectorAll("[data-line]")) {
    const at = playerOf(line)?.at;
    const share = at === null || at === undefined ? "" : String(at / Number(line.dataset.duration));
    if (line.style.getPropertyValue("--at") === share) continue;
    share ? line.style.setProperty("--at", share) : line.style.removeProperty("--at");
    line.style.touchAction = "pan-y"; // a finger that moves along it looks for a place
  }
}

let held = null; // the line that is being dragged on

function seek({ clientX }) {
  const { left, width } = held.getBoundingClientRect();
  const share = Math.min(Math.max((clientX - left) / width, 0), 1);
  playerOf(held)?.seek(share * Number(held.dataset.duration));
}

document.addEventListener("pointerdown", (event) => {
  const line = event.target.closest("[data-line]");
  if (!line || event.button !== 0 || !playerOf(line)) return;
  held = line;
  event.preventDefault(); // no text is selected
  seek(event);
});
document.addEventListener("pointermove", (event) => held && seek(event));
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    held = null;
  });
}

document.addEventListener("tp-time", draw);
follow(draw);
