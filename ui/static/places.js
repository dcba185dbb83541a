// What the browser itself has to say beside an input: how far a file is sent, what went wrong.
// A place is "picture", "voice-0" or "voice-1".

import { follow } from "./follow.js";
import { element, icon } from "./shadow.js";
import { words } from "./words.js";

const CLOSE = "m6 6 12 12m0-12L6 18";
const progress = new Map(); // place -> what is said instead of the page's own words
const replaced = new WeakMap(); // element -> the page's own words
const problems = new Map(); // place -> the message

/** Say how far a file is sent; "" brings the page's own words back. */
export function tell(place, sentence) {
  sentence ? progress.set(place, sentence) : progress.delete(place);
  draw();
}

/** Say what went wrong at a place, until `settle`. `way`: a button's label and what it does. */
export function complain(place, sentence, way = null) {
  const message = element("div", { className: "tp-msg" }, element("p", { textContent: sentence }));
  message.setAttribute("role", "alert");
  if (way) {
    const button = element("button", { className: "tp-btn", type: "button", onclick: way.act });
    button.append(element("b", { textContent: way.label }));
    message.append(element("div", { className: "tp-row" }, button));
  }
  const close = element("button", { className: "tp-close", type: "button" }, icon(CLOSE));
  close.ariaLabel = words("closeMessage");
  close.onclick = () => settle(place);
  message.append(close);
  problems.set(place, message);
  draw();
}

/** Take away what was said to be wrong. */
export function settle(place) {
  problems.delete(place);
  draw();
}

function draw() {
  for (const line of document.querySelectorAll("[data-status]")) drawStatus(line);
  for (const room of document.querySelectorAll("[data-problems]:not(:empty)")) {
    if (room.firstChild !== problems.get(room.dataset.problems)) room.replaceChildren();
  }
  for (const [place, message] of problems) {
    const room = findRoom(place);
    if (room && room.firstChild !== message) room.replaceChildren(message);
  }
}

// A message can lie in one room only: of several, the first that is seen. An empty one never is.
function findRoom(place) {
  const rooms = [...document.querySelectorAll(`[data-problems="${place}"]`)];
  return rooms.find((room) => room.parentElement.checkVisibility()) ?? rooms[0];
}

function drawStatus(line) {
  const own = replaced.get(line);
  const sentence = progress.get(line.dataset.status);
  if (sentence === undefined) {
    replaced.delete(line);
    if (own && line.textContent === own.shown) line.textContent = own.before;
  } else if (line.textContent !== sentence) {
    const before = own && line.textContent === own.shown ? own.before : line.textContent;
    replaced.set(line, { before, shown: sentence });
    line.textContent = sentence;
  }
}

follow(draw);
