// Days and times in the visitor's own zone.

import { follow } from "./follow.js";
import { words } from "./words.js";

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

function when(at) {
  const today = new Date();
  const yesterday = new Date();
  yesterday.setDate(today.getDate() - 1);
  if (at.toDateString() === today.toDateString()) return words("today", { time: TIME.format(at) });
  if (at.toDateString() !== yesterday.toDateString()) return DAY.format(at);
  return words("yesterday", { time: TIME.format(at) });
}

follow(() => {
  for (const element of document.querySelectorAll("time[data-time]")) {
    const at = new Date(element.dateTime);
    const said = element.dataset.time === "day" ? DAY.format(at) : when(at);
    if (element.textContent !== said) element.textContent = said;
  }
});
