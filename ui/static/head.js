// From one state of the page to the next: it is shown when it is there, the tab says its state, a
// phone shows its top, and the focus goes on at the headline.

import { answered, view } from "./bus.js";
import { timeLeft } from "./clocks.js";
import { follow } from "./follow.js";
import { focusHeadline } from "./views.js";

const PHONE = matchMedia("(max-width: 820px)");
const root = document.documentElement;

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
  if (answered() === "0") return; // what is there before is nobody's
  const head = document.querySelector(".tp-head[data-state]");
  if (!head) return;
  root.classList.add("tp-ready");
  const tab = head.dataset.tab.replace("{left}", () => timeLeft(head));
  if (document.title !== tab) document.title = tab;
  if (state !== head.dataset.state) enter(head.dataset.state);
});
