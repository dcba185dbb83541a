// <tp-player>: the frame's content. A picture, or a film with its own controls.

import { Controls, LOUD } from "./player_controls.js";
import { STYLE } from "./player_style.js";
import { Reel, jobOf } from "./reel.js";
import { adopt, element, icon } from "./shadow.js";
import { words } from "./words.js";

const MEMORY = "portrait-film"; // session storage: the film's place and sound, over a reload

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

class Player extends HTMLElement {
  static observedAttributes = ["film", "poster", "live", "label", "chip", "note", "making"];

  #screen = element("div", { className: "screen" });
  #chip = element("span", { className: "chip" });
  #note = element("span", { className: "chip note" });
  #reel = new Reel(this.#screen);
  #controls = new Controls(this.#reel, this);
  #due = false; // whether changed attributes are about to be looked at
  #sound = element("button", { className: "sound", hidden: true });
  #ticking = false;
  #making = null; // the job whose making was seen last,
  #fresh = false; // ... of which no film was shown yet
  #film = null;
  #picture = null;

  constructor() {
    super();
    const lost = lostMessage(() => this.#reel.again());
    const root = adopt(this, STYLE);
    this.#sound.append(icon(LOUD), words("tapForSound"));
    root.append(this.#screen, this.#chip, this.#sound, this.#note, lost, this.#controls.root);
    this.#sound.onclick = () => this.#reel.sound();
    this.#screen.onclick = () => (this.#reel.hushed ? this.#reel.sound() : this.toggle());
    this.#reel.addEventListener("change", () => this.#changed());
    this.#reel.addEventListener("lost", () => {
      lost.hidden = !this.#reel.lost;
    });
  }

  connectedCallback() {
    if (recall().muted) this.#reel.mute(true);
    document.addEventListener("portrait-back", this.#again);
    window.addEventListener("pagehide", this.#remember);
  }

  disconnectedCallback() {
    this.#reel.pause();
    document.removeEventListener("portrait-back", this.#again);
    window.removeEventListener("pagehide", this.#remember);
  }

  connectedMoveCallback() {} // stays as it is when the page moves it (shell.js)

  attributeChangedCallback() {
    if (this.#due) return; // they change one by one and are looked at together
    this.#due = true;
    queueMicrotask(() => this.#draw());
  }

  /** Where the film is, in seconds; null without one. */
  get at() {
    return this.#reel.video?.currentTime ?? null;
  }

  get muted() {
    return this.#reel.muted;
  }

  set muted(muted) {
    this.#reel.mute(muted);
  }

  play() {
    this.#reel.play();
  }

  toggle() {
    this.#reel.toggle();
  }

  seek(seconds) {
    this.#reel.seek(seconds);
  }

  #draw() {
    this.#due = false;
    const film = this.getAttribute("film");
    this.#chip.textContent = this.getAttribute("chip") ?? "";
    this.#note.textContent = this.getAttribute("note") ?? "";
    const making = this.getAttribute("making");
    if (making && making !== this.#making) [this.#making, this.#fresh] = [making, true];
    const live = film ? null : this.getAttribute("live");
    const drawn = this.#drawPicture(live ?? this.getAttribute("poster"));
    this.#changed();
    if (film !== this.#film) this.#follow(film, drawn);
  }

  // A film goes when there is a picture in its place.
  async #follow(film, drawn) {
    this.#film = film;
    if (film) {
      this.#reel.show(film, startOf(film), this.#startsByItself(film));
    } else {
      await drawn;
      if (!this.#film) this.#reel.show(null);
    }
  }

  // Once for each job that was seen being made, if it is looked at.
  #startsByItself(film) {
    if (!this.#fresh || !jobOf(film).endsWith(this.#making)) return false;
    this.#fresh = false;
    return this.checkVisibility() && !STILL.matches;
  }

  // Resolves once the picture is on show; the one before stays until then, or if this one is bad.
  async #drawPicture(address) {
    if (address === this.#picture) return;
    this.#picture = address;
    const image = element("img", { src: address ?? "", alt: this.getAttribute("label") ?? "" });
    try {
      if (address) await image.decode();
    } catch {
      return;
    }
    if (address !== this.#picture) return; // a newer one is on its way
    this.#screen.querySelector("img")?.remove();
    if (address) this.#screen.prepend(image);
  }

  #changed() {
    const { video, running } = this.#reel;
    const label = this.getAttribute("label") ?? "";
    this.#screen.classList.toggle("has-film", video !== null);
    this.#screen.querySelector("img")?.setAttribute("alt", label);
    video?.setAttribute("aria-label", label);
    this.#sound.hidden = !video || !this.#reel.hushed;
    this.#controls.draw();
    this.dispatchEvent(new Event("tp-time", { bubbles: true }));
    if (running && !this.#ticking) this.#tick();
  }

  #tick() {
    this.#ticking = this.#reel.running;
    if (!this.#ticking) return;
    if (!this.checkVisibility()) this.#reel.pause(); // the other page is looked at
    this.#controls.draw();
    this.dispatchEvent(new Event("tp-time", { bubbles: true }));
    requestAnimationFrame(() => this.#tick());
  }

  #again = () => this.#reel.again();

  #remember = () => {
    if (!this.#film || !this.closest("#tp-stage")) return;
    const kept = { job: jobOf(this.#film), at: this.at ?? 0, muted: this.#reel.muted };
    sessionStorage.setItem(MEMORY, JSON.stringify(kept));
  };
}

function recall() {
  return JSON.parse(sessionStorage.getItem(MEMORY)) ?? {};
}

function startOf(film) {
  const { job, at } = recall();
  return job === jobOf(film) ? at : 0;
}

function lostMessage(again) {
  const button = element("button", { textContent: words("filmAgain"), onclick: again });
  const message = element("div", { className: "lost", hidden: true });
  message.setAttribute("role", "alert");
  message.append(element("p", { textContent: words("filmLost") }), button);
  return message;
}

customElements.define("tp-player", Player);
