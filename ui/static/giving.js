// The ways a file gets onto the page: chosen, dropped anywhere, pasted.

import { settle, complain } from "./places.js";
import { element } from "./shadow.js";
import { give } from "./uploads.js";
import { show } from "./views.js";
import { words } from "./words.js";

// With endings, as some systems grey out files whose type they don't know.
const PICTURES = "image/*,.jpg,.jpeg,.png,.webp,.heic,.heif";
const RECORDINGS =
  "audio/*,video/*,.wav,.mp3,.m4a,.m4b,.aac,.flac,.ogg,.oga,.opus,.webm,.weba,.mka,.mkv,.mp4,.m4v," +
  ".mov,.3gp,.3g2";
const HEIC = /\.hei[cf]$/i; // browsers that can't show them have no type for them

const isPicture = (file) => file.type.startsWith("image/") || HEIC.test(file.name);
const isRecording = (file) => /^(audio|video)\//.test(file.type);
const places = () => [...document.querySelectorAll("[data-drop]")];
const placeAt = (target) => target.closest?.("[data-drop]")?.dataset.drop;

/** Give each file the place that fits it best; `target` is the one it was dropped on, if any. */
function spread(files, target) {
  const free = new Map(
    places().map((room) => [room.dataset.drop, room.hasAttribute("data-empty")]), // place -> empty
  );
  for (const file of files) {
    const place = fitting(file, target, free);
    if (!place) continue;
    free.delete(place);
    show("make");
    give(place, file);
  }
}

function fitting(file, target, free) {
  const unknown = !isPicture(file) && !isRecording(file);
  if (isPicture(file) || (unknown && target === "picture")) {
    return free.has("picture") ? "picture" : null;
  }
  const voices = [...free.keys()].filter((place) => place !== "picture");
  if (voices.includes(target)) return target;
  return voices.find((place) => free.get(place)) ?? voices[0];
}

// One file chooser for all places.
const chooser = element("input", { type: "file", hidden: true });
document.body.append(chooser);
let chosenFor = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose]");
  if (!button) return;
  chosenFor = button.dataset.choose;
  chooser.accept = chosenFor === "picture" ? PICTURES : RECORDINGS;
  chooser.value = ""; // the same file may be chosen again
  chooser.click();
});
chooser.addEventListener("change", () => give(chosenFor, chooser.files[0]));

function mark(place) {
  for (const room of places()) room.toggleAttribute("data-over", room.dataset.drop === place);
}

// Text may be dragged into a field; a file that is dropped there must not replace the page.
const concerns = (event) =>
  event.dataTransfer.types.includes("Files") || placeAt(event.target) !== undefined;

document.addEventListener("dragover", (event) => {
  if (!concerns(event)) return;
  event.preventDefault();
  mark(placeAt(event.target));
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) mark(null);
});
document.addEventListener("drop", (event) => {
  mark(null);
  if (!concerns(event)) return;
  event.preventDefault();
  const target = placeAt(event.target);
  if (event.dataTransfer.files.length) spread(event.dataTransfer.files, target);
  else if (target) complain(target, words("notAFile"));
});

document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  const known = files.filter((file) => isPicture(file) || isRecording(file));
  if (!known.length || event.target.closest?.("input, textarea")) return;
  event.preventDefault();
  spread(known);
});

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-paste]")) return;
  settle("picture");
  try {
    const picture = await copiedPicture();
    if (picture) give("picture", picture);
    else complain("picture", words("pasteEmpty"));
  } catch {
    complain("picture", words("pasteRefused"));
  }
});

async function copiedPicture() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) return new File([await item.getType(type)], words("pastedFile"), { type });
  }
  return null;
}
