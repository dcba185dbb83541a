// How the framing editor looks.

export const STYLE = `
  :host {
    position: absolute; inset: 0; display: block; overflow: hidden;
    border-radius: inherit; background: var(--sunken);
    cursor: grab; touch-action: none; user-select: none;
  }
  :host(:active) { cursor: grabbing; }
  .pane { position: absolute; inset: 0; }
  .pane:focus-visible::after {
    content: ""; position: absolute; inset: 0; border: 3px solid var(--pine);
  }
  .pane:focus-visible { outline: none; }
  img, .shape, .box { position: absolute; left: 0; top: 0; max-width: none; }
  img { pointer-events: none; }
  .shape {
    outline: 1px solid rgb(255 255 255 / 0.8);
    box-shadow: 0 0 0 9999px color-mix(in srgb, var(--page) 72%, transparent);
    pointer-events: none;
  }
  .box {
    --voice: #7cdcc1; --on-voice: #05231c;
    border: 2px solid var(--voice); border-radius: 3px; outline: 1px solid rgb(5 35 28 / 0.55);
    cursor: move;
  }
  .box.voice-2 { --voice: #ffa47c; --on-voice: #2b1206; }
  .box span {
    position: absolute; left: -2px; bottom: 100%; padding: 0 8px; border-radius: 3px 3px 0 0;
    background: var(--voice); color: var(--on-voice);
    font-size: 13px; line-height: 22px; font-weight: 600; white-space: nowrap;
  }
  .box.inside span { bottom: auto; top: -2px; }
  .corner {
    position: absolute; right: -22px; bottom: -22px; width: 44px; height: 44px;
    cursor: nwse-resize;
  }
  .corner::after {
    content: ""; position: absolute; inset: 14px; border-radius: 50%;
    background: var(--voice); border: 2px solid var(--on-voice);
  }
`;
