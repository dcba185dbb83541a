// How the player looks; sizes are those of the frame, whatever the window's.

export const STYLE = `
  :host {
    position: absolute; inset: 0; display: block; overflow: hidden;
    border-radius: inherit; container-type: inline-size;
  }
  :host(:fullscreen) { background: #000; border-radius: 0; }
  .screen, .screen > * { position: absolute; inset: 0; width: 100%; height: 100%; }
  .screen > * { display: block; object-fit: contain; }
  .screen.has-film { cursor: pointer; }
  .screen.has-film img { visibility: hidden; }
  .coming { opacity: 0; }
  :host([dim]) video:not(.coming) { opacity: 0.6; }
  .chip {
    position: absolute; top: 0.9cqw; left: 0.9cqw; padding: 3px 10px; border-radius: 6px;
    background: rgb(10 15 13 / 0.78); color: #fff;
    font-size: 13px; line-height: 20px; font-weight: 500; letter-spacing: 0.01em;
    pointer-events: none;
  }
  .chip.note { left: auto; right: 0.9cqw; }
  .chip:empty { display: none; }

  .sound {
    position: absolute; right: 12px; bottom: 68px;
    display: flex; align-items: center; gap: 8px; padding: 0 16px 0 12px;
    border: 0; border-radius: 22px; background: rgb(10 15 13 / 0.78); color: #fff;
  }
  .sound:hover { background: #0a0f0d; }
  .sound:focus-visible { outline-color: #fff; outline-offset: -5px; }
  @container (width < 480px) { /* in a frame this low its place would be on a face */
    .sound { inset: 4px 4px auto auto; }
    .sound:not([hidden]) + .note { display: none; }
  }

  .controls {
    position: absolute; inset: auto 0 0; display: flex; align-items: center;
    padding: 24px 3px 12px 16px; color: #fff; font-size: 13px;
    background: linear-gradient(transparent, rgb(0 0 0 / 0.66));
  }
  .controls button {
    flex: none; display: grid; place-items: center; width: 44px; height: 44px; padding: 0;
    border: 0; border-radius: 50%; background: none; color: inherit;
  }
  .controls button:hover { background: rgb(255 255 255 / 0.2); }
  .controls .play, .controls .play:hover { background: #fff; color: #0a0f0d; }
  .controls :focus-visible { outline-color: #fff; outline-offset: -1px; }
  .controls .play:focus-visible { outline-offset: 2px; }
  svg { width: 18px; height: 18px; fill: currentColor; pointer-events: none; }
  .play svg { width: 16px; height: 16px; }
  .time { margin: 0 12px; white-space: nowrap; }

  .seek {
    flex: 1; min-width: 40px; height: 44px; margin: 0; padding: 0; cursor: pointer;
    appearance: none; background: none; --share: 0;
  }
  .seek::-webkit-slider-runnable-track {
    height: 4px; border-radius: 2px;
    background:
      linear-gradient(to right, #fff calc(100% * var(--share)), rgb(255 255 255 / 0.38) 0);
  }
  .seek::-moz-range-track { height: 4px; border-radius: 2px; background: rgb(255 255 255 / 0.38); }
  .seek::-moz-range-progress { height: 4px; border-radius: 2px; background: #fff; }
  .seek::-webkit-slider-thumb {
    appearance: none; width: 12px; height: 12px; margin-top: -4px;
    border-radius: 50%; background: #fff; opacity: 0;
  }
  .seek::-moz-range-thumb {
    width: 12px; height: 12px; border: 0; border-radius: 50%; background: #fff; opacity: 0;
  }
  .seek:is(:hover, :focus-visible)::-webkit-slider-thumb { opacity: 1; }
  .seek:is(:hover, :focus-visible)::-moz-range-thumb { opacity: 1; }
  .controls .seek:focus-visible { outline: none; } /* the ring is the thumb's */
  .seek:focus-visible::-webkit-slider-thumb { outline: 3px solid #fff; outline-offset: 3px; }
  .seek:focus-visible::-moz-range-thumb { outline: 3px solid #fff; outline-offset: 3px; }

  @media (forced-colors: active) {
    .controls { forced-color-adjust: none; } /* white on dark, whatever the colours */
  }

  .lost {
    position: absolute; inset: auto 16px 80px; display: flex; align-items: center; gap: 16px;
    padding: 8px 8px 8px 16px; border-radius: var(--r-control);
    background: var(--bad-tint); color: var(--ink);
  }
  .lost p { flex: 1; margin: 0; }

  @container (max-width: 480px) {
    .controls { padding: 16px 0 8px 12px; }
    .time { margin: 0 10px; }
    .lost { inset: auto 8px 64px; }
  }
  /* a tall film: what doesn't fit goes below, or goes */
  @container (max-width: 300px) {
    .chip.note { top: 36px; left: 0.9cqw; right: auto; }
    .time { display: none; }
    .seek { margin-left: 8px; }
    .lost { display: grid; padding: 8px; }
  }
  @container (max-width: 200px) {
    .controls { justify-content: space-between; padding-inline: 2px; }
    .seek, .chip.note { display: none; }
  }
`;
