// The way to the server: an action goes out, the answer is the whole page. Actions go one after
// the other, so that each meets the page that the person saw.

import { notice } from "./notice.js";
import { words } from "./words.js";

const ANSWER_MS = 20_000;
const LOOK_MS = 5000; // for the page as it is now
const AGAIN_MS = 1000; // before an action that was refused for the moment is sent again
const DECODING = new Set(words("decoding").split(" ")); // actions that wait for their turn
const FAILED = "send"; // the notice that an action got no answer
const WAITING = "waiting"; // ... that other people's files are read first
const MOVING = "moving"; // ... that nothing can be changed for the moment

const newestAnswer = () => document.querySelector("#tp-bus [data-answer]");

/** The name of the newest answer; "0" until the first. */
export function answered() {
  return newestAnswer()?.dataset.answer ?? "0";
}

/** Which of the two pages is looked at. */
export const view = () => document.documentElement.dataset.view ?? "make";

// What is told of the turn of this page's file, while it waits.
const turn = () => document.querySelector("#tp-turn [data-files-first]")?.dataset;

let last = Promise.resolve();
let newest = { key: "", sent: null }; // of the actions on their way
let waiting = 0;

/** Send an action; true when the page has its answer. The same one again is not sent twice. */
export function send(action, patience = ANSWER_MS) {
  const seen = { ...action, view: view() };
  const key = JSON.stringify(seen);
  if (waiting && newest.key === key) return newest.sent;
  const asked = byPerson(action);
  if (asked) notice(FAILED, "");
  const sent = last
    .then(() => bus(patience))
    .then((there) => there && delivered(seen, patience))
    .finally(() => (waiting -= 1));
  waiting += 1;
  newest = { key, sent };
  last = sent.then((done) => {
    if (asked && !done) notice(FAILED, words("notDone"));
  });
  return sent;
}

/** Whether anything is on its way; its answer will be the newest page. */
export const busy = () => waiting > 0;

// What is refused because the app moves to another machine is sent again until it is done.
async function delivered(action, patience) {
  for (;;) {
    const done = (await deliver(action, patience)) || (await looked(action));
    const { moving, refused } = newestAnswer()?.dataset ?? {};
    notice(MOVING, moving === undefined ? "" : words("moving"));
    if (!done || refused === undefined) return done;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

const byPerson = (action) => action.do !== "refresh";

// While the app moves, an action may reach one machine and its answer be waited for at the other.
// That one is asked once for the page as it is now, which shows what was done.
const looked = (action) =>
  byPerson(action) && deliver({ do: "refresh", view: action.view }, LOOK_MS);

function deliver(action, patience) {
  const before = answered();
  const told = turn()?.name; // of an earlier file, whose answer was lost
  return new Promise((resolve) => {
    let timer;
    const end = (done) => {
      watch.disconnect();
      clearTimeout(timer);
      notice(WAITING, "");
      resolve(done);
    };
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(false), patience);
      const files = turn()?.name === told ? 0 : Number(turn()?.filesFirst);
      notice(WAITING, files ? words("filesFirst", { files }) : "");
    };
    const watch = new MutationObserver(() => {
      if (answered() !== before) end(true);
      else if (turn()?.name !== told) wait();
    });
    for (const id of ["tp-bus", "tp-turn"]) {
      const part = document.getElementById(id);
      watch.observe(part, { subtree: true, childList: true, attributes: true });
    }
    wait();
    window.portraitBus(DECODING.has(action.do) ? "upload" : "click", action);
  });
}

/** Whether Gradio has put its regions in the place of the page that came with the address. */
export const connected = () => window.portraitBus && !document.getElementById("tp-shell");

// That is some time after this script runs, and never if a script is lost on its way.
async function bus(patience) {
  let late = null;
  while (!connected()) {
    late ??= new Promise((resolve) => setTimeout(resolve, patience, "late"));
    const come = (resolve) => window.addEventListener("portrait-bus", resolve, { once: true });
    if ((await Promise.race([new Promise(come), late])) === "late") return false;
  }
  return true;
}

window.portrait = { send };
