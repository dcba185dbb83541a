// Shows one film after another in the same place. A longer film of the same job takes over from
// the shorter one at the same moment, without a blank frame, a jump or a gap in the sound.

import { heard } from "./sounds.js";

const RETRY_MS = [500, 1500, 4000, 8000]; // a film that fails to load is tried again after these
const LOAD_MS = 15_000; // no answer for so long: it failed
const POLL_MS = 10;
const START_S = 0.05; // from play() to the first moving frame
const LATE_S = 0.15; // an old film that is further ahead can't be taken over from
const LEAD_S = [0.4, 0.8, 1.6, 3]; // how far ahead of it the new film waits, by attempts
const AT_END_S = 0.1; // with less left, a film doesn't go on
const HAS_LENGTH = 1; // readyState of a film whose length is known,
const HAS_FRAME = 2; // ... and of one that can show the frame where it stands

/** The job that a film's address belongs to. */
export const jobOf = (address) => address.split("/").slice(0, 3).join("/");

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds) {
  while (!holds()) await pause(POLL_MS);
}

/** Resolves with the event `name`; fails with an error of the film, or after LOAD_MS. */
function event(video, name) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timeout")), LOAD_MS);
    const end = (settle) => (told) => {
      clearTimeout(timer);
      settle(told);
    };
    video.addEventListener(name, end(resolve), { once: true });
    video.addEventListener("error", end(reject), { once: true });
  });
}

/** Resolves when the frame at `seconds` can be shown. */
async function standAt(video, seconds) {
  const seeked = event(video, "seeked");
  video.currentTime = seconds;
  await seeked;
  if (video.readyState < HAS_FRAME) await event(video, "canplay");
}

const isRunning = (video) => !video.paused && !video.ended && !video.error;

/** Resolves when `video`, which stands still, can go on at the moment at which `old` is. */
async function meet(old, video) {
  for (const lead of LEAD_S) {
    const from = old.currentTime;
    const there = Math.min(from + (isRunning(old) ? lead : 0), video.duration);
    await standAt(video, there);
    if (!isRunning(old) && old.currentTime === from) return;
    await until(() => !isRunning(old) || old.currentTime >= there - START_S);
    if (old.ended) await standAt(video, old.currentTime);
    if (old.ended || (isRunning(old) && old.currentTime < there + LATE_S)) return;
  }
}

/** The films in `place`, an element that they fill. Fires "change" and, with `lost` set or not
 * set any more, "lost". */
export class Reel extends EventTarget {
  video = null; // the film on show
  lost = false; // the newest film could not be loaded
  muted = false; // as the person wants it
  hushed = false; // it started by itself, and silently: nobody has touched it yet
  #place;
  #wanted = false; // the person started it and did not stop it: it goes on when there is more
  #turn = 0;
  #address = null;

  constructor(place) {
    super();
    this.#place = place;
  }

  /** Show the film at `address`, null for none; `start` in seconds if it is another job's. With
   * `byItself` it plays, silently. */
  async show(address, start = 0, byItself = false) {
    const turn = ++this.#turn;
    if (this.video && (!address || jobOf(address) !== jobOf(this.#address))) this.pause();
    this.#address = address;
    this.#lose(false);
    if (!address) {
      this.#put(null);
      return;
    }
    for (const wait of [0, ...RETRY_MS]) {
      await pause(wait);
      if (turn !== this.#turn || (await this.#load(address, start, turn, byItself))) return;
    }
    if (turn === this.#turn) this.#lose(true);
  }

  /** Try once more to load what was lost. */
  again() {
    if (this.lost) this.show(this.#address);
  }

  play() {
    if (!this.video) return;
    this.#hush(false);
    this.#wanted = true;
    this.#start(this.video).catch(() => {}); // it was paused again before it ran
  }

  pause() {
    this.#wanted = false;
    this.video?.pause();
    this.#changed();
  }

  toggle() {
    this.video && isRunning(this.video) ? this.pause() : this.play();
  }

  seek(seconds) {
    const { video } = this;
    if (!video) return;
    if (!isRunning(video)) this.#wanted = false; // whoever looks for a place doesn't wait for more
    video.currentTime = Math.min(Math.max(seconds, 0), video.duration);
    this.#changed();
  }

  mute(muted) {
    this.muted = muted;
    this.#hush(false);
    this.#changed();
  }

  /** Let the film be heard that started by itself. */
  sound() {
    this.running ? this.#hush(false) : this.play();
    this.#changed();
  }

  get silent() {
    return this.muted || this.hushed;
  }

  #hush(hushed) {
    this.hushed = hushed;
    if (this.video) this.video.muted = this.silent;
    if (this.running) heard(this.video);
  }

  get running() {
    return this.video !== null && isRunning(this.video);
  }

  // True when the film took its place, or is not wanted any more.
  async #load(address, start, turn, byItself) {
    const video = document.createElement("video");
    Object.assign(video, { preload: "auto", playsInline: true, muted: true, src: address });
    video.className = "coming";
    this.#place.append(video);
    try {
      if (video.readyState < HAS_LENGTH) await event(video, "loadedmetadata");
      const old = this.video;
      const goesOn = old && jobOf(old.getAttribute("src")) === jobOf(address);
      await (goesOn ? meet(old, video) : standAt(video, Math.min(start, video.duration)));
      if (turn === this.#turn) await this.#takeOver(video, goesOn, byItself);
      else drop(video);
      return true;
    } catch {
      drop(video);
      return turn !== this.#turn;
    }
  }

  async #takeOver(video, goesOn, byItself) {
    const ended = this.video?.ended;
    const there = goesOn && !isRunning(this.video) && !ended ? this.video.currentTime : null;
    if (there !== null && there !== video.currentTime) await standAt(video, there);
    if (!goesOn) this.hushed = byItself && !this.muted;
    if (byItself) this.#wanted = true;
    const goes = (goesOn || byItself) && this.#wanted;
    if (goes && video.duration - video.currentTime > AT_END_S) {
      await this.#start(video).catch(() => this.#refused());
    }
    this.#put(video);
  }

  // The browser plays nothing by itself, or it was paused before it ran.
  #refused() {
    this.hushed = false;
    this.pause();
  }

  // Resolves at the first frame that moves.
  async #start(video) {
    const moving = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    await video.play();
    await Promise.race([moving, pause(200)]); // a hidden page shows no frames
  }

  #put(video) {
    const old = this.video;
    this.video = video;
    if (video) {
      video.muted = this.silent;
      video.classList.remove("coming");
      this.#follow(video);
    }
    if (old) {
      old.muted = true;
      old.onpause = old.onended = old.onerror = null;
      video ? setTimeout(() => drop(old), 100) : drop(old); // under the new one until it is painted
    }
    if (video && isRunning(video)) heard(video);
    this.#changed();
  }

  #follow(video) {
    video.onplay = () => {
      heard(video);
      this.#changed();
    };
    video.onpause = () => {
      if (!video.ended) this.#wanted = false;
      this.#changed();
    };
    video.onended = video.onseeked = () => this.#changed();
    video.onerror = () => this.show(this.#address, video.currentTime);
  }

  #lose(lost) {
    if (this.lost === lost) return;
    this.lost = lost;
    this.dispatchEvent(new Event("lost"));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function drop(video) {
  video.pause();
  video.removeAttribute("src");
  video.load(); // lets go of its connection
  video.remove();
}
