// From one state of the page to the next: the tab says it, a phone shows its top, and the focus
// goes on at the headline.

import { view } from "./bus.js";
import { timeLeft } from "./clocks.js";
import { follow } from "./follow.js";
import { focusHeadline } from "./views.js";

const PHONE = matchMedia("(max-width: 820px)");

let state = null;
let pressed = null; // the button that was pressed last

document.addEventListener("click", (event) => {
  pressed = event.target.closest("button");
}, { capture: true });

// The button of the state before is gone, or has become another one.
function focusIsLost() {
  const focused = document.activeElement;
  return focused === document.body || focused === null || focused === pressed;
}

function enter(next) {
  const first = state === null;
  state = next;
  if (first || view() === "history") return; // its own focus stays where it is
  if (PHONE.matches) scrollTo({ top: 0 });
  if (focusIsLost()) focusHeadline();
}

follow(() => {
  const head = document.querySelector(".tp-head[data-state]");
  if (!head) return;
  const tab = head.dataset.tab.replace("{left}", () => timeLeft(head));
  if (document.title !== tab) document.title = tab;
  if (state !== head.dataset.state) enter(head.dataset.state);
});
