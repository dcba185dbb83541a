// What a person does with the buttons and fields of the page, sent as actions.

import { send } from "./bus.js";
import { show } from "./views.js";

const LEADS_TO_MAKE = new Set(["open", "use"]); // a job of the history, taken to the desk

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  if (button.dataset.permission && event.detail > 1) return; // a double click says nothing
  const action = { ...button.dataset };
  button.setAttribute("aria-busy", "true");
  const note = button.querySelector("[data-wait]");
  const before = note?.textContent;
  if (note) note.textContent = note.dataset.wait;
  const done = await send(action);
  button.removeAttribute("aria-busy");
  if (note && !done) note.textContent = before;
  if (done && LEADS_TO_MAKE.has(action.do)) show("make");
});

document.addEventListener("change", ({ target }) => {
  const field = target.dataset.set;
  if (!field) return;
  send({ do: "set", field, value: target.type === "checkbox" ? target.checked : target.value });
});

// A click or a key on it, not `toggle`: that comes as well when the server opens it.
document.addEventListener("click", (event) => {
  const fold = event.target.closest("summary")?.parentElement;
  if (!fold?.dataset.fold) return;
  send({ do: "set", field: `fold-${fold.dataset.fold}`, value: !fold.open });
});
