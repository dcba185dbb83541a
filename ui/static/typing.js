// The text that is to be spoken: kept while it is written, which tells of another language, and
// spoken when the person says so.

import { send } from "./bus.js";
import { tell } from "./places.js";
import { words } from "./words.js";

const PATIENCE_MS = 90_000; // as long as speaking may take
const PAUSE_MS = 900; // in the writing

let pause;

function keep({ target }) {
  clearTimeout(pause);
  if (target.isConnected) send({ do: "type", text: target.value });
}

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-typed]")) return;
  clearTimeout(pause);
  pause = setTimeout(keep, PAUSE_MS, event);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-typed]")) keep(event);
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-speak]");
  if (!button) return;
  const place = button.dataset.speak;
  const text = button.closest("[data-typing]").querySelector("[data-typed]").value;
  button.setAttribute("aria-busy", "true");
  tell(place, words("speaking"));
  await send({ do: "speak", text }, PATIENCE_MS);
  tell(place, "");
  button.removeAttribute("aria-busy");
});
