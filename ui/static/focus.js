// The focus after what was pressed is gone and nothing else has taken it: it goes on in the same card.

import { follow } from "./follow.js";
import { focusHeadline } from "./views.js";

const CARD = ".tp-shapes, [data-drop], section, .block, main";
const FIRST = "[data-choose], button, a, input:checked, h1";

let pressed = null; // the button, also of what opened a window over the page
let card = null;

const isGone = (element) => !element.isConnected || !element.checkVisibility();

document.addEventListener(
  "click",
  ({ target }) => {
    const button = target.closest("main button");
    if (button) [pressed, card] = [button, button.closest(CARD)];
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
  const next = [...card.querySelectorAll(FIRST)].find((control) => !isGone(control));
  next ? next.focus({ preventScroll: true }) : focusHeadline();
});
