// The buttons choose which cards are shown. A video has the browser's controls, which cover a mouth,
// only while somebody is at it; one plays at a time.
const buttons = [...document.querySelectorAll(".tp-filters button")];
const cards = [...document.querySelectorAll("article")];
const videos = [...document.querySelectorAll("video")];

for (const button of buttons) {
  button.addEventListener("click", () => {
    const kinds = button.dataset.kinds.split(" ");
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    for (const card of cards) {
      card.hidden = !kinds.includes(card.dataset.kind);
      if (card.hidden) card.querySelector("video")?.pause();
    }
  });
}

for (const video of videos) {
  const away = () => {
    video.controls = !video.paused || document.activeElement === video;
  };
  video.controls = false;
  video.tabIndex = 0;
  video.addEventListener("focus", () => { video.controls = true; });
  video.addEventListener("pointerenter", () => { video.controls = true; });
  video.addEventListener("pointerleave", away);
  video.addEventListener("blur", away);
  video.addEventListener("play", () => {
    video.controls = true;
    for (const other of videos) {
      if (other !== video) other.pause();
    }
  });
}
