// A message that goes: with its cause, or closed, when the focus goes to what lies beside it.

import { follow } from "./follow.js";
import { settle } from "./places.js";

const PLACES = ["picture", "voice-0", "voice-1"];
// actions that end what the browser itself said of a place
const ENDS = {
  example: () => PLACES,
  again: () => PLACES,
  open: () => PLACES,
  use: () => PLACES,
  swap: () => PLACES.slice(1),
  remove: ({ slot }) => [`voice-${slot}`],
};

let room = null; // where a message is being closed

document.addEventListener(
  "click",
  ({ target }) => {
    const { dataset } = target.closest("[data-do]") ?? {};
    for (const place of ENDS[dataset?.do]?.(dataset) ?? []) settle(place);
    const close = target.closest(".tp-close");
    if (close) room = close.closest("[data-drop], section, .block");
  },
  { capture: true },
);

follow(() => {
  if (!room || room.querySelector(".tp-close")) return;
  const focused = document.activeElement;
  if (focused === document.body || focused === null) {
    room.querySelector("[data-choose], button, a, h1")?.focus({ preventScroll: true });
  }
  room = null;
});
