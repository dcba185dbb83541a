// Space plays, the arrows move by a second: when the film has the focus, or nothing has.

const STEP_S = { ArrowLeft: -1, ArrowRight: 1 };

/** The film that is meant when none is named: the first that is on show. */
function mainPlayer() {
  return [...document.querySelectorAll("tp-player[film]")].find((film) => film.checkVisibility());
}

function playerOf(focused) {
  if (focused?.localName === "tp-player") return focused;
  const nothing = !focused || focused === document.body || focused.localName === "h1";
  return nothing ? mainPlayer() : undefined;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const player = playerOf(document.activeElement);
  if (!player) return;
  if (event.key in STEP_S) player.seek(player.at + STEP_S[event.key]);
  else if (event.key !== " " || event.composedPath()[0].localName === "button") return;
  else player.toggle();
  event.preventDefault();
});
