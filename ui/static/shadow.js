// The start of everything that this page draws apart from its regions: a shadow tree with a style
// of its own and, in all of them, the page's buttons.

const SHARED = new CSSStyleSheet();
SHARED.replaceSync(`
  :host { font: 400 16px/24px var(--text); font-variant-numeric: tabular-nums; }
  *, *::before, *::after { box-sizing: border-box; }
  [hidden] { display: none !important; }
  button {
    min-height: 44px; padding: 0 16px;
    border: 1px solid var(--edge); border-radius: var(--r-control);
    background: var(--surface); color: var(--ink);
    font: 500 16px/24px var(--text); cursor: pointer;
  }
  button:hover { background: var(--sunken); }
  button.go {
    border-color: var(--pine); background: var(--pine); color: var(--on-pine); font-weight: 600;
  }
  button.go:hover { border-color: var(--pine-hover); background: var(--pine-hover); }
  :focus-visible { outline: 3px solid var(--pine); outline-offset: 3px; }
  @media (prefers-reduced-motion: no-preference) {
    button { transition: background-color 120ms, border-color 120ms; }
  }
`);

/** The new shadow tree of `host`, with `style` (CSS text). */
export function adopt(host, style) {
  const root = host.attachShadow({ mode: "open" });
  const own = new CSSStyleSheet();
  own.replaceSync(style);
  root.adoptedStyleSheets = [SHARED, own];
  return root;
}

/** A new element with its properties, and what lies in it. */
export function element(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

/** A picture of 24 x 24 units, drawn by one path: as a line in the page, else as the tree says. */
export function icon(path) {
  const made = document.createElement("template");
  const told = 'class="tp-i" viewBox="0 0 24 24" aria-hidden="true"';
  made.innerHTML = `<svg ${told}><path d="${path}"/></svg>`;
  return made.content.firstChild;
}
