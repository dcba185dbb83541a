// Where the eyes and the keys go when an editor opens, and back to its button when it closes.

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
