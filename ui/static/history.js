// The history by keyboard and on a phone: the focus stays where it was although the page is drawn
// anew, what was opened comes to the eye, and names are changed where they stand.

import { send, view } from "./bus.js";
import { follow } from "./follow.js";
import { focusHeadline } from "./views.js";

const PHONE = matchMedia("(max-width: 820px)");
// What has the focus after an action whose own button is gone. A question has it at "no".
const AFTER = {
  delete: ["[data-do=delete-not]"],
  "delete-chosen": ["[data-do=delete-not]"],
  "delete-not": ["[data-do=delete-chosen]", "[data-do=delete]"],
  "choose-all": ["[data-do=choose-none]"],
  "choose-none": ["[data-do=choose-all]"],
};

let last = null; // what has the focus, or had it when the page was drawn anew
let opened = null; // the job that is about to be opened

const room = () => document.getElementById("tp-history");
const entries = () => [...room().querySelectorAll(".tp-gal > li")];

function describe(element) {
  const { do: act, job, rename } = element.dataset;
  const own = element.closest(".tp-gal > li") ?? room().querySelector("li:has([aria-checked=true])");
  const place = Math.max(entries().indexOf(own), 0);
  if (rename) return { act: "rename", place, key: `[data-rename="${rename}"]` };
  if (act) return { act, place, key: `[data-do="${act}"]${job ? `[data-job="${job}"]` : ""}` };
  return null;
}

/** The element that should have the focus now. */
function wanted({ act, place, key }) {
  for (const selector of [key, ...(AFTER[act] ?? [])]) {
    const found = room().querySelector(selector);
    if (found) return found;
  }
  const cards = entries().map((entry) => entry.querySelector("[data-do=select]"));
  return cards[Math.min(place, cards.length - 1)];
}

function keepFocus() {
  if (!last || view() !== "history") return;
  const next = wanted(last);
  if (!next) focusHeadline();
  else if (next !== document.activeElement) next.focus();
}

// On a phone the details lie under their card, on a wide page always beside the cards.
function showOpened() {
  const card = opened && room().querySelector(`[data-do=select][data-job="${opened}"]`);
  if (card?.getAttribute("aria-pressed") !== "true") return;
  opened = null;
  if (PHONE.matches) card.scrollIntoView({ block: "start" });
}

document.addEventListener("focusin", ({ target }) => {
  last = room()?.contains(target) ? describe(target) : null;
});
// Not every browser gives the focus to a button that is pressed; beside everything it is given up.
document.addEventListener("pointerdown", ({ target }) => {
  const pressed = target.closest("#tp-history :is([data-do], [data-rename])");
  last = pressed && describe(pressed);
});
document.addEventListener("click", ({ target }) => {
  opened = target.closest("[data-do=select]")?.dataset.job ?? opened;
});
document.addEventListener("change", ({ target }) => {
  const job = target.dataset.rename;
  if (!job) return;
  const value = target.value.trim();
  if (value) send({ do: "rename", job, value });
  else target.value = target.defaultValue;
});
document.addEventListener("keydown", ({ key, target }) => {
  if (key === "Escape" && target.dataset?.rename) target.value = target.defaultValue;
});

follow(() => {
  if (!room()) return;
  showOpened();
  keepFocus();
});
