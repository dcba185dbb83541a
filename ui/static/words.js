// The sentences that the browser says by itself. They come with the page.

const sentences = JSON.parse(document.getElementById("tp-text").textContent);

/** The sentence of that name, with `values` in the place of each {name}. */
export function words(name, values = {}) {
  return sentences[name].replace(/\{(\w+)\}/g, (_, value) => values[value]);
}

/** A length of time in words: 40 s, 1 min 5 s. */
export function duration(seconds) {
  const whole = Math.ceil(seconds);
  const [min, s] = [Math.floor(whole / 60), whole % 60];
  if (!min) return words("seconds", { s });
  return s ? words("minutesSeconds", { min, s }) : words("minutes", { min });
}

/** Minutes and seconds: 0:07. */
export function clock(seconds) {
  const whole = Math.floor(seconds + 0.001); // 2.9999 of a film at 3.0
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
