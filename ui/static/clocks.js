// Times that go on between two answers of the server: how long it took, how long it will take.

import { follow } from "./follow.js";
import { duration, words } from "./words.js";

const TICK_MS = 250;

const told = new WeakMap(); // element -> the server's numbers and when they came

/** Seconds since the numbers that `element` carries came. */
function passed(element) {
  const numbers = Object.values(element.dataset).join();
  if (told.get(element)?.numbers !== numbers) told.set(element, { numbers, at: performance.now() });
  return (performance.now() - told.get(element).at) / 1000;
}

/** The time left in words. It runs like a clock at first, and slower the later the next number
 * comes; what begins only later stands. The server counts alike (`ui.session.progress`). */
export function timeLeft(element) {
  const later = Number(element.dataset.later);
  const rest = Number(element.dataset.left) - later;
  const left = later + (rest > 0 ? rest * Math.exp(-passed(element) / rest) : 0);
  return words("timeLeft", { time: duration(Math.max(left, 1)) });
}

const elapsed = (element) =>
  words("elapsed", { time: duration(Number(element.dataset.elapsed) + passed(element)) });

function say(selector, sentence) {
  for (const element of document.querySelectorAll(selector)) {
    const said = sentence(element);
    if (element.textContent !== said) element.textContent = said;
  }
}

function draw() {
  say("span[data-left]", timeLeft);
  say("[data-elapsed]", elapsed);
}

follow(draw);
setInterval(draw, TICK_MS);
