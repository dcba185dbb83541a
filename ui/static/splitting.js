// The line at which a recording is cut: a slider moves it, and so does the sound, so that a pause
// leaves it where the other one begins. At a cut the button removes that cut.

import { send } from "./bus.js";
import { follow } from "./follow.js";
import { words } from "./words.js";

const TAIL_S = 0.05; // nearer to the end there is nothing left to play

const lineOf = (splitter) => splitter.querySelector("[data-cut-line]");

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function draw(splitter) {
  const line = lineOf(splitter);
  const at = line.valueAsNumber;
  const near = Number(splitter.dataset.near);
  const isCut = JSON.parse(splitter.dataset.cuts).some((cut) => Math.abs(cut - at) < near);
  const label = splitter.querySelector("[data-cut-here] b");
  const said = words(isCut ? "cutRemove" : "cutHere");
  if (label.textContent !== said) label.textContent = said;
  set(line, "aria-valuetext", words("trimAt", { at: at.toFixed(2) }));
  const wave = splitter.querySelector("[data-heard]");
  const share = String(at / Number(line.max));
  if (wave.style.getPropertyValue("--cut") !== share) wave.style.setProperty("--cut", share);
  const play = splitter.querySelector("[data-play]");
  const from = String(at < line.max - TAIL_S ? at : 0);
  if (play.getAttribute("aria-pressed") !== "true") set(play, "data-start", from);
}

document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-cut-line]")) draw(target.closest("[data-splitter]"));
});

document.addEventListener("tp-heard", () => {
  const wave = document.querySelector("[data-splitter] [data-heard]");
  const share = wave?.style.getPropertyValue("--heard");
  if (!share) return;
  const line = lineOf(wave.closest("[data-splitter]"));
  line.value = Number(share) * line.max;
  draw(wave.closest("[data-splitter]"));
});

document.addEventListener("click", ({ target }) => {
  const splitter = target.closest("[data-cut-here]")?.closest("[data-splitter]");
  if (splitter) send({ do: "cut", at: lineOf(splitter).valueAsNumber });
});

follow(() => document.querySelectorAll("[data-splitter]").forEach(draw));
