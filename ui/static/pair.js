// The draft beside the final video: both play together, with the sound of the last one.

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-play-both]")) return;
  const players = [...document.querySelectorAll(".tp-pair tp-player")];
  for (const player of players) {
    player.muted = player !== players.at(-1);
    player.seek(0);
    player.play();
  }
});
