"""Films to be played: each frame carries its number, and each film is longer by a part."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from inference.core.timing import FPS
from inference.media.video import SegmentWriter, join_segments

WIDTH, HEIGHT, BITS = 320, 160, 8
PART, PARTS = 40, 4  # frames of each part, and how many there are
JOB, OTHER = "/media/" + "a" * 32, "/media/" + "b" * 32
LINE = '<div data-line data-duration="6.4" style="height:56px">line</div>'
PLAYED = "document.querySelector('tp-player').at"
RUNS = "document.querySelector('tp-player').shadowRoot.querySelector('[aria-label=\"Pause\"]')"
# Every time the browser draws, what the film on show shows: the number that its frame carries as
# bars, whether it is green at the bottom, and its sound.
WATCH = """() => {
  const screen = document.querySelector("tp-player").shadowRoot.querySelector(".screen");
  const canvas = Object.assign(document.createElement("canvas"), { width: 80, height: 40 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.seen = [];
  const look = () => {
    const films = [...screen.querySelectorAll("video:not(.coming)")];
    context.clearRect(0, 0, 80, 40);
    if (films.length) context.drawImage(films.at(-1), 0, 0, 80, 40);
    const pixels = context.getImageData(0, 0, 80, 40).data;
    const at = (x, y) => pixels.slice(4 * (80 * y + x), 4 * (80 * y + x) + 4);
    let number = 0;
    for (let bit = 0; bit < 8; bit++) if (at(10 * bit + 5, 10)[0] > 128) number += 2 ** bit;
    const [red, green, blue, alpha] = at(40, 32);
    const heard = films.filter((film) => !film.muted && !film.paused).length;
    const film = green > red + 60 && green > blue + 60 && alpha === 255;
    window.seen.push({ number, heard, film });
    requestAnimationFrame(look);
  };
  look();
}"""


def _frame(number: int) -> NDArray[np.uint8]:
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = (20, 160, 60)
    for bit in range(BITS):
        left = bit * WIDTH // BITS
        frame[: HEIGHT // 2, left : left + WIDTH // BITS] = 255 if number >> bit & 1 else 0
    return frame


def write_films(films: Path) -> None:
    """1.mp4 to 4.mp4, each longer by a part; red.png and blue.png."""
    seconds = np.arange(PARTS * PART * 48_000 // FPS) / 48_000
    with wave.open(str(films / "voice.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        tone: NDArray[np.int16] = (8000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
        sound.writeframes(tone.tobytes())
    segments = []
    for part in range(PARTS):
        segments.append(films / f"segment{part}.mp4")
        with SegmentWriter(segments[-1], WIDTH, HEIGHT) as writer:
            for number in range(part * PART, (part + 1) * PART):
                writer.write(_frame(number))
        target = films / f"{part + 1}.mp4"
        join_segments(segments, films / "voice.wav", len(segments) * PART, target, {})
    for name, colour in (("red", "#f00"), ("blue", "#00f")):
        size = 'width="320" height="160"'
        drawn = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect {size} fill="{colour}"/></svg>'
        )
        (films / f"{name}.svg").write_text(drawn)


def stage(film: str | None, **attributes: str) -> str:
    """The stage with a player and a voice line."""
    told = {"poster": f"{JOB}/red.svg", "label": "The draft", "duration": "6.4"} | attributes
    if film:
        told["film"] = film
    written = " ".join(f'{name}="{value}"' for name, value in told.items())
    return f'<div class="tp-frame"><tp-player {written}></tp-player></div>{LINE}'


def regions(film: str | None, **attributes: str) -> dict[str, str]:
    head = '<div class="tp-head" data-state="draft" data-tab="Ready"><h1 tabindex="-1">R</h1></div>'
    return {"tp-head": head, "tp-stage": stage(film, **attributes)}


def shows_film(page: Page) -> None:
    page.locator("tp-player .play").wait_for()
