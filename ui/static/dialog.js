// A window over the page for the camera and the microphone.

import { adopt, element } from "./shadow.js";
import { words } from "./words.js";

const STYLE = `
  dialog {
    width: min(560px, calc(100vw - 32px)); max-height: calc(100dvh - 32px); padding: 24px;
    border: 1px solid var(--line); border-radius: var(--r-card);
    background: var(--surface); color: var(--ink);
  }
  dialog::backdrop { background: rgb(10 15 13 / 0.6); }
  h2 { margin: 0 0 16px; font: 600 24px/32px var(--display); letter-spacing: -0.012em; }
  p { margin: 0; color: var(--ink-soft); }
  video, img {
    display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: contain;
    border-radius: var(--r-picture); background: var(--sunken);
  }
  video.mirror { transform: scaleX(-1); }
  .time { font: 600 32px/36px var(--display); letter-spacing: -0.02em; color: var(--ink); }
  .level { height: 12px; margin: 16px 0 8px; border: 1px solid var(--edge); border-radius: 6px;
    background: var(--sunken); overflow: hidden; }
  .level i { display: block; width: 100%; height: 100%; background: var(--pine);
    transform: scaleX(0); transform-origin: 0 0; }
  .level[data-state="levelLoud"] i { background: var(--bad); }
  .word { min-height: 24px; }
  .wrong { min-height: 56px; padding-top: 8px; color: var(--bad); font-weight: 500; }
  @media (forced-colors: active) {
    .level i { background: CanvasText; forced-color-adjust: none; }
    .level[data-state="levelLoud"] i { background: Highlight; }
  }
  footer { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 24px; }
  footer .listen { min-width: 88px; } /* with either of its words */
  footer .cancel { margin-left: auto; border-color: transparent; background: none;
    color: var(--pine); }
  footer .cancel:hover { background: var(--pine-tint); }
`;

/** Open a window with a title, content and buttons; Cancel and Esc close it.
 *
 * Returns what closes it. `left` is called once it is closed, however that came.
 */
export function openDialog({ title, content, buttons, left }) {
  const host = document.createElement("div");
  const heading = element("h2", { id: "title", textContent: title });
  const cancel = element("button", { className: "cancel", textContent: words("cancel") });
  const footer = element("footer", {}, ...buttons, cancel);
  const dialog = element("dialog", {}, heading, ...content, footer);
  dialog.setAttribute("aria-labelledby", "title");
  cancel.onclick = () => dialog.close();
  dialog.onclose = () => {
    host.remove();
    left();
  };
  adopt(host, STYLE).append(dialog);
  document.body.append(host);
  dialog.showModal();
  return () => dialog.close();
}

/** The sentence, by name, for a camera or microphone that can't be had. */
export function refusal(error, refused, none) {
  return words(error.name === "NotFoundError" ? none : refused);
}
