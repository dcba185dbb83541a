// A picture from the camera, seen before it is used.

import { openDialog, refusal } from "./dialog.js";
import { complain, settle } from "./places.js";
import { element } from "./shadow.js";
import { give } from "./uploads.js";
import { words } from "./words.js";

const WANTED = { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } };
const QUALITY = 0.95; // of the JPEG

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-camera]")) open();
});

function open() {
  settle("picture");
  const parts = cameraParts();
  const { live, taken, status, take, use, again, show } = parts;
  let isOpen = true;
  let stream = null;
  const close = openDialog({
    title: words("cameraTitle"),
    content: [live, taken, status],
    buttons: [take, use, again],
    left: () => {
      isOpen = false;
      end(stream);
      URL.revokeObjectURL(taken.src);
    },
  });
  take.onclick = async () => show(await shot(live));
  again.onclick = () => show(null);
  use.onclick = () => {
    close();
    give("picture", parts.file());
  };
  start(live).then(
    (started) => {
      stream = started;
      if (!isOpen) return end(stream); // it was closed while the browser asked
      status.textContent = "";
      show(null);
    },
    (error) => {
      close();
      complain("picture", refusal(error, "cameraRefused", "cameraNone"));
    },
  );
}

// The parts of the window; `show` shows the picture that was taken, or for null what is seen now.
function cameraParts() {
  const live = element("video", { className: "mirror", muted: true, playsInline: true });
  const taken = element("img", { alt: words("cameraTaken"), hidden: true });
  const status = element("p", { textContent: words("cameraStarting") });
  status.setAttribute("role", "status");
  const button = (name, className) =>
    element("button", { className, textContent: words(name), hidden: true });
  const take = button("cameraTake", "go");
  const use = button("takeUse", "go");
  const again = button("cameraAgain", "");
  let picture = null;
  const show = (file) => {
    picture = file;
    URL.revokeObjectURL(taken.src);
    if (file) taken.src = URL.createObjectURL(file);
    live.hidden = take.hidden = file !== null;
    taken.hidden = use.hidden = again.hidden = file === null;
    (file ? use : take).focus();
  };
  return { live, taken, status, take, use, again, show, file: () => picture };
}

async function start(live) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: WANTED });
  live.srcObject = stream;
  await live.play();
  return stream;
}

function end(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

// What the camera sees now; unlike the live picture it is not mirrored.
async function shot(live) {
  const canvas = element("canvas", { width: live.videoWidth, height: live.videoHeight });
  canvas.getContext("2d").drawImage(live, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return new File([blob], words("cameraFile"), { type: blob.type });
}
