// Follows the page as it changes. Gradio brings a region's elements into line with its new HTML:
// what a script put into them is gone then, so each script draws its part again, before the
// browser paints. Drawing twice must change nothing.

const followers = [];

/** Call `draw` now and after every change of the page's regions. */
export function follow(draw) {
  followers.push(draw);
  draw();
}

// A line's place in the film changes with every frame; it matters here only when it was lost.
function matters({ attributeName, target }) {
  if (attributeName !== "style") return true;
  return target.matches("[data-line]") && !target.style.getPropertyValue("--at");
}

new MutationObserver((records) => {
  if (records.some(matters)) followers.forEach((draw) => draw());
}).observe(document.body, {
  subtree: true,
  childList: true,
  characterData: true,
  attributes: true,
});
