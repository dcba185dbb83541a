// The arithmetic of framing, in pixels of the upright source picture. A crop is {left, top,
// width}; a box is [left, top, right, bottom]. Nothing is changed in place.

const LEAST_PX = 64; // width of a crop
const LARGEST = 4; // a crop's width, in larger sides of the picture
const WIDEST = 1.6; // ... and in widths that just cover the shape
const ON_PICTURE = 0.5; // part of a crop's area that stays on the picture
const LEAST_BOX = 0.02; // a box's side, in larger sides of the picture

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** How a shape of that ratio (width / height) lies on a picture: widths of crops. */
export function widths({ width, height }, ratio) {
  const cover = Math.min(width, height * ratio);
  const most = Math.min(LARGEST * Math.max(width, height), WIDEST * cover);
  return { least: Math.min(LEAST_PX, cover), cover, most };
}

const overlap = (start, length, whole) => Math.min(start + length, whole) - Math.max(start, 0);

// The nearest start at which `length` lies on `whole` by at least `share` of itself.
function held(start, length, whole, share) {
  const on = Math.min(share * length, whole);
  return clamp(start, on - length, whole - on);
}

/** The nearest crop within the limits; `most`: the width it may have at the most. */
export function settled(crop, picture, ratio, most = widths(picture, ratio).most) {
  const width = clamp(crop.width, widths(picture, ratio).least, most);
  const height = width / ratio;
  const across = Math.min(1, picture.width / width); // the most of it that can be on the picture
  const top = held(crop.top, height, picture.height, ON_PICTURE / across);
  const down = overlap(top, height, picture.height) / height;
  const left = held(crop.left, width, picture.width, ON_PICTURE / down);
  return { left, top, width };
}

/** The crop moved by parts of its own size. */
export function nudged(crop, across, down, ratio) {
  const { left, top, width } = crop;
  return { left: left + across * width, top: top + (down * width) / ratio, width };
}

/** The crop with another width, about a point given as parts of its own size. */
export function zoomed(crop, width, ratio, across = 0.5, down = 0.5) {
  const more = crop.width - width;
  return { left: crop.left + across * more, top: crop.top + (down * more) / ratio, width };
}

/** The box moved onto the picture, as large as it was. */
export function boxMoved([left, top, right, bottom], dx, dy, { width, height }) {
  const x = clamp(left + dx, 0, width - (right - left));
  const y = clamp(top + dy, 0, height - (bottom - top));
  return [x, y, x + right - left, y + bottom - top];
}

/** The box with its lower right corner at another place. */
export function boxPulled([left, top, right, bottom], dx, dy, { width, height }) {
  const least = LEAST_BOX * Math.max(width, height);
  const x = clamp(right + dx, Math.min(left + least, width), width);
  const y = clamp(bottom + dy, Math.min(top + least, height), height);
  return [left, top, x, y];
}

/** The box with another width, about its middle and in the same proportions. */
export function boxScaled([left, top, right, bottom], wanted, picture) {
  const [wide, high] = [right - left, bottom - top];
  const least = LEAST_BOX * Math.max(picture.width, picture.height);
  const fits = Math.min(picture.width / wide, picture.height / high);
  const scale = Math.min(Math.max(wanted, least) / wide, fits);
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const [dx, dy] = [(wide * scale) / 2, (high * scale) / 2];
  return boxMoved([x - dx, y - dy, x + dx, y + dy], 0, 0, picture);
}
