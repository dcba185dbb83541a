// What Gradio leaves to the browser: dropping a file, refusing one that is too big before it is
// sent, saying that it is being sent, and following from one state of the page to the next. All
// sentences come with the page, as data of a card's header.
"use strict";

const MIB = 2 ** 20;
const BUTTONS_GO_MS = 100; // after the headline, the buttons of the state before are gone
const PHONE = matchMedia("(max-width: 820px)");

const inputIn = (card) => card.querySelector("input[type=file]");
const dataOf = (card) => card.querySelector("header").dataset;

function cardAt(element) {
  const card = element.closest?.(".tp-card");
  return card && inputIn(card) ? card : null;
}

function cardFor(file) {
  const picture = file.type.startsWith("image/") || /\.hei[cf]$/i.test(file.name);
  const [first, second] = document.querySelectorAll("#tp-inputs .tp-card");
  return picture ? first : second;
}

function markTarget(card) {
  document.querySelectorAll("[data-over]").forEach((other) => delete other.dataset.over);
  if (card) card.dataset.over = "";
}

// A file may be dropped anywhere; off the cards, its kind tells where it belongs.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  markTarget(cardAt(event.target));
});
document.addEventListener("dragleave", () => markTarget(null));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  markTarget(null);
  const [file] = event.dataTransfer.files;
  const card = file && (cardAt(event.target) ?? cardFor(file));
  if (!card) return;
  const one = new DataTransfer();
  one.items.add(file);
  inputIn(card).files = one.files;
  inputIn(card).dispatchEvent(new Event("change", { bubbles: true }));
});

// Gradio checks types by their names and refuses some that can be read, so it is told of none;
// the file chooser still shows the likely ones first.
document.addEventListener("click", (event) => {
  const card = cardAt(event.target);
  if (card) inputIn(card).accept = dataOf(card).accept;
}, { capture: true });

document.addEventListener("change", (event) => {
  const card = cardAt(event.target);
  if (!card || event.target.type !== "file" || !event.target.files.length) return;
  card.querySelector(".tp-here")?.remove();
  const { limitMib, sending } = dataOf(card);
  const sizeMib = event.target.files[0].size / MIB;
  if (sizeMib > Number(limitMib)) {
    event.stopImmediatePropagation();
    refuse(card, Math.ceil(sizeMib));
  } else {
    card.querySelector(".tp-hint, .tp-note").textContent = sending;
  }
}, { capture: true });

function refuse(card, sizeMib) {
  const message = card.querySelector("template").content.firstElementChild.cloneNode(true);
  const sentence = message.querySelector("p");
  sentence.textContent = sentence.textContent.replace("{size}", sizeMib);
  message.classList.add("tp-here");
  card.append(message);
}

// Gradio puts the parts in one after the other; they are shown when all are there.
let ready = false;
function show() {
  const choices = document.querySelectorAll("#tp-inputs button");
  if (ready || choices.length < 2 || !document.querySelector(".tp-frame")) return;
  ready = true;
  document.documentElement.classList.add("tp-ready");
}

// A new state: the tab says it, a phone shows its top, and the focus of a button that went moves
// to the headline, so that keys and screen readers go on from there.
let state = "start";
function follow() {
  const head = document.querySelector(".tp-head");
  if (!head) return;
  if (document.title !== head.dataset.tab) document.title = head.dataset.tab;
  if (state === head.dataset.state) return;
  state = head.dataset.state;
  if (PHONE.matches) scrollTo({ top: 0 });
  setTimeout(() => {
    if (document.activeElement !== document.body) return;
    document.querySelector(".tp-head h1")?.focus({ preventScroll: true });
  }, BUTTONS_GO_MS);
}

new MutationObserver(() => {
  show();
  follow();
}).observe(document.body, {
  subtree: true,
  childList: true,
  attributes: true,
  attributeFilter: ["data-tab", "data-state"],
});
show();
