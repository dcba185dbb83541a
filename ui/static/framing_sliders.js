// The sliders under the framing editor: its keyboard way, with the limits and values of what is
// on show. Places are said in percent of the picture.

import { boxMoved, boxScaled, widths, zoomed } from "./crop.js";
import { follow } from "./follow.js";
import { words } from "./words.js";

const middle = (start, end) => (start + end) / 2;

// Of each slider of the crop: where it stands, how that is said, and the crop of a new value.
const CROP = {
  x: ({ crop, size: { width } }) => ({
    value: (100 * (crop.left + crop.width / 2)) / width,
    say: "framingX",
    moved: (value) => ({ ...crop, left: (value / 100) * width - crop.width / 2 }),
  }),
  y: ({ crop, ratio, size: { height } }) => ({
    value: (100 * (crop.top + crop.width / ratio / 2)) / height,
    say: "framingY",
    moved: (value) => ({ ...crop, top: (value / 100) * height - crop.width / ratio / 2 }),
  }),
  // The value is a power of two: each step of the slider zooms as much as any other.
  zoom: ({ crop, ratio, size, widest }) => {
    const { least, cover } = widths(size, ratio);
    return {
      from: Math.log2(cover / widest),
      to: Math.log2(cover / least),
      value: Math.log2(cover / crop.width),
      percent: (100 * cover) / crop.width,
      say: "framingZoom",
      moved: (value) => zoomed(crop, cover / 2 ** value, ratio),
    };
  },
};

// ... and of each slider of a box.
const BOX = {
  x: (box, size) => {
    const x = middle(box[0], box[2]);
    const moved = (value) => boxMoved(box, (value / 100) * size.width - x, 0, size);
    return { value: (100 * x) / size.width, moved };
  },
  y: (box, size) => {
    const y = middle(box[1], box[3]);
    const moved = (value) => boxMoved(box, 0, (value / 100) * size.height - y, size);
    return { value: (100 * y) / size.height, moved };
  },
  size: (box, size) => ({
    value: (100 * (box[2] - box[0])) / size.width,
    moved: (value) => boxScaled(box, (value / 100) * size.width, size),
  }),
};

const SLIDERS = "[data-framing], [data-box]";
const editor = () => document.querySelector("tp-framing");

function meaning({ dataset }, framing) {
  if (dataset.framing) return CROP[dataset.framing](framing);
  const speaker = framing.speakers[Number(dataset.box)];
  return speaker && BOX[dataset.axis](speaker.box, framing.size);
}

function draw(slider, framing) {
  const meant = meaning(slider, framing);
  if (!meant) return;
  const { from = 0, to = 100, value, percent = value, say = "boxPlace" } = meant;
  const text = words(say, { percent: Math.round(percent) });
  for (const [name, now] of Object.entries({
    min: from,
    max: to,
    step: "any",
    "aria-valuetext": text,
  })) {
    if (slider.getAttribute(name) !== String(now)) slider.setAttribute(name, now);
  }
  if (slider.valueAsNumber !== value) slider.value = value;
}

function drawAll() {
  const framing = editor();
  if (!framing?.crop.width) return;
  for (const slider of document.querySelectorAll(SLIDERS)) draw(slider, framing);
}

document.addEventListener("input", ({ target }) => {
  const framing = editor();
  if (!framing || !target.matches(SLIDERS)) return;
  const { moved } = meaning(target, framing);
  const value = target.valueAsNumber;
  if (target.dataset.framing) {
    framing.sendLater(() => framing.moveTo(moved(value)));
  } else {
    const index = Number(target.dataset.box);
    framing.sendLater(() => framing.moveBox(index, moved(value)), index);
  }
});

document.addEventListener("tp-framing", drawAll);
follow(drawAll);
