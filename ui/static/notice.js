// The page's one status region: a bar at the top of the window with what concerns the whole page,
// until it is over, and unseen what has changed elsewhere.

import { adopt, element } from "./shadow.js";

const STYLE = `
  :host { position: fixed; inset: 0 0 auto; z-index: 20; pointer-events: none; }
  p {
    margin: 0; padding: 12px 20px; text-align: center;
    font: 500 16px/24px var(--text);
    background: var(--ink); color: var(--page);
  }
  p:empty { padding: 0; } /* still there, so that what it says next is read out */
  p.spoken {
    position: absolute; width: 1px; height: 1px; padding: 0; overflow: hidden;
    clip-path: inset(50%); white-space: nowrap;
  }
`;

const host = document.createElement("div");
const bar = element("p");
const spoken = element("p", { className: "spoken" });
const region = element("div", { role: "status", ariaAtomic: "false" }, bar, spoken);
adopt(host, STYLE).append(region);
document.body.append(host);

const sentences = new Map();

/** Say `sentence` for as long as `reason` lasts; "" ends it. The newest is on show. */
export function notice(reason, sentence) {
  sentences.delete(reason);
  if (sentence) sentences.set(reason, sentence);
  const newest = [...sentences.values()].at(-1) ?? "";
  if (bar.textContent !== newest) bar.textContent = newest;
}

/** Have a sentence read out that is seen elsewhere. */
export function say(sentence) {
  spoken.textContent = sentence;
}
