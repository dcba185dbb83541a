// The focus after what was pressed is gone and nothing else has taken it: it goes on in the same card.

import { follow } from "./follow.js";
import { focusHeadline } from "./views.js";

// A question before a final video has it at "no"; once that was said, its button has it again.
const NO = '[data-do="ask-not"]';
const ASKS = ".tp-under .tp-go[data-do]";
const CARD = ".tp-shapes, [data-drop], section, .block, main";
const FIRST = "[data-choose], button, a, input:checked, h1, footer [role=status]";

let pressed = null; // the button, also of what opened a window over the page
let card = null;
let saidNo = false;

const isGone = (element) => !element.isConnected || !element.checkVisibility();

document.addEventListener(
  "click",
  ({ target }) => {
    const button = target.closest("main button, footer button");
    if (button) [pressed, card, saidNo] = [button, button.closest(CARD), button.matches(NO)];
  },
  { capture: true },
);
for (const kind of ["focusin", "pointerdown"]) {
  document.addEventListener(kind, ({ target }) => {
    if (target.closest("main") && !pressed?.contains(target)) pressed = null; // the person went on
  });
}

follow(() => {
  if (!pressed || !isGone(pressed) || document.activeElement !== document.body) return;
  pressed = null;
  const own = document.querySelector(saidNo ? ASKS : NO);
  const next = [own, ...card.querySelectorAll(FIRST)].find((control) => control && !isGone(control));
  next ? next.focus({ preventScroll: true }) : focusHeadline();
});
