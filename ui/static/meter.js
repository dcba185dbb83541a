// The level of the microphone: a bar, one word for it, and a sentence where something is wrong.

import { element } from "./shadow.js";
import { words } from "./words.js";

const QUIET_DB = -60; // shown as nothing; 0 dB as all
const SPEECH_DB = -45;
const CLIPPED = 0.985; // of full scale
const UNHEARD_S = 2; // without a sound of speech: the microphone may be off
const LASTS_MS = 700; // a word is not silent between its sounds
const LOUD_LASTS_MS = 2500; // long enough to be read

/** A meter: its `parts`, and what it is told.
 *
 * `begin` starts a take, `draw` shows a sample ({ decibels, peak }) at `seconds` of it (null: none
 * is recorded), `rest` judges all of it.
 */
export function meter() {
  const bar = element("i");
  const level = element("div", { className: "level" }, bar);
  Object.assign(level, { role: "meter", ariaLabel: words("recorderLevel") });
  Object.assign(level, { ariaValueMin: 0, ariaValueMax: 100, ariaValueNow: 0 });
  const word = element("p", { className: "word" });
  const wrong = element("p", { className: "wrong" });
  wrong.setAttribute("role", "status");
  let [spoken, clipped] = [-Infinity, -Infinity]; // when, in milliseconds
  const say = (line, sentence) => {
    if (line.textContent !== sentence) line.textContent = sentence;
  };
  const show = (state, share) => {
    level.dataset.state = state;
    bar.style.transform = `scaleX(${share})`;
    level.ariaValueNow = Math.round(100 * share);
    level.ariaValueText = words(state);
    say(word, words(state));
  };
  return {
    parts: [level, word, wrong],
    begin() {
      level.hidden = word.hidden = false;
      [spoken, clipped] = [-Infinity, -Infinity];
      say(wrong, "");
    },
    draw({ decibels, peak }, seconds) {
      const now = performance.now();
      if (decibels > SPEECH_DB) spoken = now;
      if (peak >= CLIPPED) clipped = now;
      const loud = now - clipped < LOUD_LASTS_MS;
      const speech = now - spoken < LASTS_MS;
      const share = Math.min(Math.max(1 - decibels / QUIET_DB, 0), 1);
      show(loud ? "levelLoud" : speech ? "levelSpeech" : "levelSilence", share);
      const unheard = spoken === -Infinity && seconds > UNHEARD_S;
      say(wrong, unheard ? words("recorderUnheard") : loud ? words("recorderLoud") : "");
    },
    rest() {
      level.hidden = word.hidden = true;
      if (spoken === -Infinity) say(wrong, words("recorderUnheard"));
      else say(wrong, clipped === -Infinity ? "" : words("recorderWasLoud"));
    },
  };
}
