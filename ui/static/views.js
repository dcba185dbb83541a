// The two pages, Make and History: the address says which, and the style sheets show one.

import { send } from "./bus.js";
import { follow } from "./follow.js";

const VIEWS = ["make", "history"];
const root = document.documentElement;

const named = () => VIEWS.find((name) => location.hash === `#${name}`) ?? VIEWS[0];

/** Go to the page of that name. */
export function show(name) {
  if (named() !== name) location.hash = name;
}

/** Put the focus on the headline that is on show, for keys and screen readers to go on from. */
export function focusHeadline() {
  const shown = [...document.querySelectorAll("h1")].find((headline) => headline.checkVisibility());
  shown?.focus({ preventScroll: true });
}

root.dataset.view = named();
if (named() === "history") send({ do: "refresh" }); // the page comes without it

window.addEventListener("hashchange", () => {
  if (root.dataset.view === named()) return;
  root.dataset.view = named();
  scrollTo({ top: 0 });
  focusHeadline();
  if (named() === "history") send({ do: "refresh" });
});

follow(() => {
  for (const link of document.querySelectorAll("a[data-view]")) {
    const here = link.hash === `#${root.dataset.view}`;
    if (here !== link.hasAttribute("aria-current")) {
      here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    }
  }
});
