// A picture from the camera.

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
  const live = element("video", { className: "mirror", muted: true, playsInline: true });
  const status = element("p", { textContent: words("cameraStarting") });
  status.setAttribute("role", "status");
  const take = element("button", { className: "go", textContent: words("cameraTake") });
  take.hidden = true;
  let open = true;
  let stream = null;
  const close = openDialog({
    title: words("cameraTitle"),
    content: [live, status],
    buttons: [take],
    left: () => {
      open = false;
      end(stream);
    },
  });
  take.onclick = async () => {
    const picture = await shot(live);
    close();
    give("picture", picture);
  };
  start(live).then(
    (started) => {
      stream = started;
      if (!open) return end(stream); // it was closed while the browser asked
      status.textContent = "";
      take.hidden = false;
      take.focus();
    },
    (error) => {
      close();
      complain("picture", refusal(error, "cameraRefused", "cameraNone"));
    },
  );
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
