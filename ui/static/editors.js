// Where the eyes and the keys go when an editor opens, and back to its button when it closes. Escape
// closes it as Cancel does.

import { follow } from "./follow.js";

const EDITORS = {
  framing: "tp-framing",
  trim: "[data-trimmer]",
  typing: "[data-typing]",
  split: "[data-splitter]",
};
const FIRST = "[data-framing], [data-trim], [data-typed], [data-phrase]";

let open = "";

function now() {
  return Object.keys(EDITORS).find((name) => document.querySelector(EDITORS[name])) ?? "";
}

follow(() => {
  const before = open;
  open = now();
  if (open === before) return;
  if (open) {
    document.querySelector(EDITORS[open]).scrollIntoView({ block: "nearest" });
    document.querySelector(FIRST)?.focus({ preventScroll: true });
  } else if (document.activeElement === document.body) {
    document.querySelector(`[data-do="edit"][data-what="${before}"]`)?.focus();
  }
});

// Escape is another's: of a list that is open, a window over the page, a word that is being composed.
function isTaken(event) {
  const inside = event.composedPath().map(({ localName }) => localName);
  const over = [...document.body.children].some((host) => host.shadowRoot?.querySelector(":modal"));
  return event.isComposing || over || inside.includes("select") || document.fullscreenElement;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || isTaken(event)) return;
  const cancel = document.querySelector('[data-do="edit-cancel"]');
  if (!cancel?.checkVisibility()) return; // an editor stays open while the history is looked at
  document.activeElement.blur(); // what was written is sent before, not after
  cancel.click();
});
