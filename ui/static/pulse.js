// Asks now and then whether the page has changed, and says so when the server can't be reached.

import { busy, connected, send } from "./bus.js";
import { notice } from "./notice.js";
import { sending } from "./uploads.js";
import { words } from "./words.js";

const AT_WORK_MS = 500;
const DRAFTING_MS = 250; // for a few seconds; its first film is waited for
const AT_REST_MS = 3000;
const HIDDEN_MS = 10_000;
const ASLEEP_MS = 10 * 60_000; // hidden for so long, it asks no more: its server may end
const PATIENCE_MS = 5000; // for an answer
const LOST_AFTER = 2; // questions without an answer
const LOST = "pulse"; // the notice of a lost connection

// the version that the page shows, as far as it was told
let known = document.getElementById("tp-shell")?.dataset.version;
let failures = 0;
let hiddenSince = document.hidden ? Date.now() : null;
let timer;

function pace() {
  if (document.hidden) return HIDDEN_MS;
  if (!failures && document.querySelector("[data-busy=draft]")) return DRAFTING_MS;
  return failures || document.querySelector("[data-busy]") ? AT_WORK_MS : AT_REST_MS;
}

async function ask() {
  const answer = await fetch("/pulse", {
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status === 401) location.reload(); // signed out: the password is asked for again
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).version;
}

async function beat() {
  try {
    await heard(await ask());
  } catch {
    failures += 1;
    if (failures >= LOST_AFTER) notice(LOST, words("connectionLost"));
  }
  clearTimeout(timer);
  if (!asleep()) timer = setTimeout(beat, pace());
}

const asleep = () => hiddenSince !== null && Date.now() - hiddenSince >= ASLEEP_MS;

async function heard(version) {
  const lost = failures >= LOST_AFTER;
  failures = 0;
  if (!lost && (version === known || busy())) return; // the next beat asks again
  if (await send({ do: "refresh" }, lost ? PATIENCE_MS : undefined)) {
    known = version;
    notice(LOST, "");
    if (lost) document.dispatchEvent(new Event("portrait-back"));
  } else if (connected() && !sending()) {
    location.reload(); // a server that was started anew doesn't know this page any more
  }
}

document.addEventListener("visibilitychange", () => {
  hiddenSince = document.hidden ? Date.now() : null;
  if (document.hidden) return;
  clearTimeout(timer);
  beat();
});

beat();
