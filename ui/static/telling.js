// What changes by itself is read out: the headline, the stage, how far a file is sent.

import { follow } from "./follow.js";
import { say } from "./notice.js";

const told = new Map(); // part -> its text, as far as it was there before

follow(() => {
  for (const part of document.querySelectorAll("[data-tell], [data-status]")) {
    if (!part.checkVisibility()) continue;
    const name = part.dataset.tell ?? part.dataset.status;
    const [before, text] = [told.get(name), part.textContent.trim()];
    told.set(name, text);
    if (before !== undefined && before !== text) say(text);
  }
});
