// A message that goes with its cause.

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

document.addEventListener(
  "click",
  ({ target }) => {
    const { dataset } = target.closest("[data-do]") ?? {};
    for (const place of ENDS[dataset?.do]?.(dataset) ?? []) settle(place);
  },
  { capture: true },
);
