// The text that is to be spoken: kept as it is left, spoken when the person says so.

import { send } from "./bus.js";
import { tell } from "./places.js";
import { words } from "./words.js";

const PATIENCE_MS = 90_000; // as long as speaking may take

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-typed]")) send({ do: "type", text: target.value });
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
