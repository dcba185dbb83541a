// The other files of a video, and sharing it with another app.

import { complain, settle } from "./places.js";
import { words } from "./words.js";

const TYPE = "video/mp4";

// Shows another label as long as `work` takes; `work` may return the one from then on.
async function busy(button, work) {
  const label = button.querySelector("b");
  button.setAttribute("aria-busy", "true");
  label.textContent = button.dataset.wait;
  let after;
  try {
    after = await work();
  } finally {
    button.removeAttribute("aria-busy");
    if (label.textContent === button.dataset.wait) label.textContent = after ?? button.dataset.label;
  }
}

const isBusy = (button) => button.getAttribute("aria-busy") === "true";

// A file that is made first: asked for until it is there, then saved by the browser as any other.
async function make(link) {
  settle(link.dataset.place);
  let refusal = words("fileLost");
  try {
    const answer = await fetch(link.href, { cache: "no-store" });
    if (answer.ok) {
      await answer.body?.cancel(); // it is there: the browser saves it
      save(link);
      return;
    }
    if (answer.status !== 404) refusal = await answer.text();
  } catch {
    // no answer at all
  }
  complain(link.dataset.place, refusal);
}

function save({ href, download }) {
  const link = Object.assign(document.createElement("a"), { href, download });
  document.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-place]");
  if (!link) return;
  event.preventDefault();
  if (!isBusy(link)) busy(link, () => make(link));
});

// Whether this browser can hand a video to other apps; phones can, most desktops can't.
function canShare() {
  const film = new File([new Uint8Array(1)], "film.mp4", { type: TYPE });
  return Boolean(navigator.canShare?.({ files: [film] }));
}

let ready = { address: "", file: null }; // the video that was fetched last

async function fetched(address, name) {
  if (ready.address === address && ready.file.name === name) return ready.file;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(String(answer.status));
  ready = { address, file: new File([await answer.blob()], name, { type: TYPE }) };
  return ready.file;
}

// A browser shares only in answer to a press, and forgets it while a long video is fetched: then
// the button asks for another one, which has the video at once.
async function share({ dataset }) {
  const place = dataset.place;
  settle(place);
  let file;
  try {
    file = await fetched(dataset.share, dataset.name);
  } catch {
    complain(place, words("fileLost"));
    return undefined;
  }
  try {
    await navigator.share({ files: [file], title: dataset.name });
  } catch (error) {
    if (error.name === "NotAllowedError") return dataset.ready;
    if (error.name !== "AbortError") complain(place, words("shareFailed"));
  }
  return undefined;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-share]");
  if (button && !isBusy(button)) busy(button, () => share(button));
});

document.documentElement.classList.toggle("tp-shares", canShare());
