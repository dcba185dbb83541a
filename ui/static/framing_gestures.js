// Mouse, finger and wheel on the framing editor.

import { boxMoved, boxPulled } from "./crop.js";

const WHEEL = 0.0015; // of a zoom, for each pixel the wheel turns

/** Let `framing` be dragged, pinched and zoomed; `shape` is the element that the crop fills. */
export function gestures(framing, shape) {
  const fingers = new Map(); // pointer id -> where it is
  let grip = null; // what is being dragged: the crop, or a box

  const scale = () => framing.crop.width / shape.getBoundingClientRect().width;

  framing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || fingers.size === 2) return;
    if (!fingers.size) {
      grip = gripOf(event, framing);
      framing.begin();
    } else if (grip.index !== null) {
      return; // a box is held by one finger
    }
    framing.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, pointOf(event));
  });

  framing.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = pointOf(event);
    fingers.set(event.pointerId, now);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    const dx = (now.x - before.x) * scale();
    const dy = (now.y - before.y) * scale();
    if (grip.index !== null) {
      grip.box = grip.change(grip.box, dx, dy, framing.size);
      framing.moveBox(grip.index, grip.box);
    } else if (other) {
      pinch(before, now, other);
    } else {
      const { left, top, width } = framing.crop;
      framing.moveTo({ left: left - dx, top: top - dy, width });
    }
  });

  for (const name of ["pointerup", "pointercancel"]) {
    framing.addEventListener(name, (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size) return;
      framing.send(grip.index);
    });
  }

  framing.addEventListener("wheel", (event) => {
    event.preventDefault();
    framing.sendLater(() => zoom(Math.exp(event.deltaY * WHEEL), pointOf(event)));
  }, { passive: false });

  // The picture's point under the other finger stays there; so does, nearly, that under this one.
  function pinch(before, now, other) {
    const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y);
    if (apart(now) > 0) zoom(apart(before) / apart(now), other);
  }

  function zoom(by, { x, y }) {
    const { left, top, width, height } = shape.getBoundingClientRect();
    framing.moveTo(framing.zoomed(by, (x - left) / width, (y - top) / height));
  }
}

const pointOf = ({ clientX, clientY }) => ({ x: clientX, y: clientY });

function gripOf(event, framing) {
  const part = event.composedPath()[0];
  const box = part.closest(".box");
  if (!box) return { index: null };
  const index = [...box.parentNode.children].indexOf(box);
  const change = part.matches(".corner") ? boxPulled : boxMoved;
  return { index, change, box: framing.speakers[index].box };
}
