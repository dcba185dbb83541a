// A bar at the top of the window: what concerns the whole page, until it is over.

import { adopt } from "./shadow.js";

const STYLE = `
  :host { position: fixed; inset: 0 0 auto; z-index: 20; pointer-events: none; }
  p {
    margin: 0; padding: 12px 20px; text-align: center;
    font: 500 16px/24px var(--text);
    background: var(--ink); color: var(--page);
  }
  p:empty { padding: 0; } /* still there, so that what it says next is read out */
`;

const host = document.createElement("div");
const bar = document.createElement("p");
bar.setAttribute("role", "status");
adopt(host, STYLE).append(bar);
document.body.append(host);

const sentences = new Map();

/** Say `sentence` for as long as `reason` lasts; "" ends it. The newest is on show. */
export function notice(reason, sentence) {
  sentences.delete(reason);
  if (sentence) sentences.set(reason, sentence);
  const newest = [...sentences.values()].at(-1) ?? "";
  if (bar.textContent !== newest) bar.textContent = newest;
}
