// From the page that came with the address to the one that Gradio keeps up to date: as soon as
// Gradio has its empty regions, what lies in the shell is moved into them, and nobody sees it.

import { answered, view } from "./bus.js";
import { follow } from "./follow.js";

const root = document.documentElement;
const shell = document.getElementById("tp-shell");

const emptyRegion = ({ id }) => document.querySelector(`gradio-app #${id} [data-empty]`)?.parentNode;

// Keeps the focus and a film that plays, where the browser can.
const move = (node, place) =>
  place.moveBefore ? place.moveBefore(node, null) : place.append(node);

function moveIn() {
  const regions = [...shell.querySelectorAll(".block")];
  const places = regions.map(emptyRegion);
  if (!places.every(Boolean)) return false;
  root.classList.add("tp-mounted");
  regions.forEach((region, index) => {
    places[index].replaceChildren();
    for (const node of [...region.childNodes]) move(node, places[index]);
  });
  // a header and a footer are landmarks only outside of Gradio's <main>
  const part = (selector) => document.querySelector(`gradio-app ${selector}`);
  part("main").before(part("#tp-top"));
  part("main").after(part("#tp-foot"));
  shell.remove();
  window.dispatchEvent(new Event("portrait-bus"));
  return true;
}

// The history comes with an answer.
const isComplete = () => (shell && view() === "make") || answered() !== "0";

follow(() => {
  if (root.classList.contains("tp-ready")) return;
  if (shell?.isConnected && !moveIn()) return;
  if (isComplete()) root.classList.add("tp-ready");
});

// What was pressed and chosen before any script was here is done now.
for (const [type, target] of window.tpEarly?.() ?? []) {
  if (type === "click") target.closest("button")?.click();
  else target.dispatchEvent(new Event(type, { bubbles: true }));
}
