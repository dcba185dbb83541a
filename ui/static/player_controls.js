// The player's own buttons and its line of time.

import { element, icon } from "./shadow.js";
import { clock, words } from "./words.js";

const PLAY = "M6 4v16l14-8z";
const PAUSE = "M6 4h4v16H6zm8 0h4v16h-4z";
const SPEAKER = "M4 9v6h4l5 4V5L8 9z";
export const LOUD = `${SPEAKER}m12-1a5 5 0 0 1 0 8l1.2 1.4a7 7 0 0 0 0-10.8z`;
const SILENT =
  `${SPEAKER}m11.7.5 1.2-1.2 2.1 2.1 2.1-2.1 1.2 1.2-2.1 2.1 2.1 2.1-1.2 1.2-2.1-2.1` +
  "-2.1 2.1-1.2-1.2 2.1-2.1z";
const LARGE = "M4 4h6v2H6v4H4zm10 0h6v6h-2V6h-4zM4 14h2v4h4v2H4zm14 0h2v6h-6v-2h4z";
const SMALL = "M8 4h2v6H4V8h4zm6 0h2v4h4v2h-6zM4 14h6v6H8v-4H4zm10 0h6v2h-4v4h-2z";

/** Controls of `reel`, whose player is `host`; `root` is their element. */
export class Controls {
  root = element("div", { className: "controls", hidden: true });
  #reel;
  #host;
  #play = element("button", { className: "play" });
  #time = element("span", { className: "time" });
  #seek = element("input", { type: "range", className: "seek", min: 0, step: 0.01, value: 0 });
  #sound = element("button");
  #full = element("button", { hidden: !document.fullscreenEnabled });

  constructor(reel, host) {
    this.#reel = reel;
    this.#host = host;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", words("playerControls"));
    this.#seek.setAttribute("aria-label", words("seek"));
    this.root.append(this.#play, this.#time, this.#seek, this.#sound, this.#full);
    this.#play.onclick = () => reel.toggle();
    this.#seek.oninput = () => reel.seek(this.#seek.valueAsNumber);
    this.#sound.onclick = () => reel.mute(!reel.silent);
    this.#full.onclick = () => this.#enlarge();
    host.addEventListener("fullscreenchange", () => this.draw());
  }

  /** Show how things stand. */
  draw() {
    const { video, running, silent } = this.#reel;
    this.root.hidden = video === null;
    if (!video) return;
    const large = document.fullscreenElement === this.#host;
    label(this.#play, words(running ? "pause" : "play"), running ? PAUSE : PLAY);
    label(this.#sound, words(silent ? "unmute" : "mute"), silent ? SILENT : LOUD);
    label(this.#full, words(large ? "leaveFullScreen" : "fullScreen"), large ? SMALL : LARGE);
    this.#drawTime(video);
  }

  #drawTime({ currentTime, duration }) {
    const at = clock(currentTime);
    const length = clock(duration);
    const text = `${at} / ${length}`;
    if (this.#time.textContent !== text) {
      this.#time.textContent = text;
      this.#seek.setAttribute("aria-valuetext", words("seekText", { at, duration: length }));
    }
    if (Number(this.#seek.max) !== duration) this.#seek.max = duration;
    this.#seek.value = currentTime;
    this.#seek.style.setProperty("--share", currentTime / duration);
  }

  #enlarge() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#host.requestFullscreen();
  }
}

function label(button, name, path) {
  if (button.getAttribute("aria-label") === name) return;
  button.setAttribute("aria-label", name);
  button.replaceChildren(icon(path));
}
