// One sound at a time: a film or a recording that starts stops the other. The round buttons that
// play a recording.

import { follow } from "./follow.js";

let sounding = null;

/** Say that `media` (an audio or video element) is what is heard from now on. */
export function heard(media) {
  if (media.muted) return;
  if (sounding !== media) sounding?.pause();
  sounding = media;
}

const audio = new Audio();
let playing = null; // the address of the recording that is on

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (!button) return;
  const address = button.dataset.play;
  if (playing === address) {
    audio.pause();
    return;
  }
  if (audio.getAttribute("src") !== address) audio.src = address;
  playing = address;
  heard(audio);
  audio.play().catch(stop);
  draw();
});

function stop() {
  if (!audio.paused) return; // it goes on with another recording
  playing = null;
  draw();
}
audio.addEventListener("pause", stop);
audio.addEventListener("ended", stop);

function draw() {
  for (const button of document.querySelectorAll("[data-play]")) {
    const on = button.dataset.play === playing;
    const label = on ? button.dataset.labelPause : button.dataset.labelPlay;
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
    if (button.getAttribute("aria-pressed") !== String(on)) button.setAttribute("aria-pressed", on);
  }
}

follow(draw);
