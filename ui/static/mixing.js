// Recordings into the sound that the video will have: each in its place, a low voice raised, two
// at a time lowered where they would clip. The numbers and the order are those of
// inference/media/audio.py and level.py.

const LOW_DBFS = -30;
const RAISED_DBFS = -23;
const MOST_GAIN_DB = 20;
const HEADROOM_DBFS = -1;
const SILENCE_DBFS = -60;
const STEP = 960; // this much without a sound, at 48 kHz, is digital silence

const decibels = (amplitude) => 20 * Math.log10(amplitude);
const factor = (gain) => 10 ** (gain / 20);

function peakOf(sides) {
  let peak = 0;
  for (const side of sides) for (const sample of side) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

/** RMS of what sounds: digital silence does not count. */
function levelOf(sides) {
  let [squares, sounding] = [0, 0];
  for (let start = 0; start < sides[0].length; start += STEP) {
    const before = squares;
    for (const side of sides)
      for (const sample of side.subarray(start, start + STEP)) squares += sample * sample;
    if (squares > before) sounding += sides.length * Math.min(STEP, sides[0].length - start);
  }
  return Math.sqrt(squares / Math.max(1, sounding));
}

function raisedBy(sides) {
  const [peak, level] = [decibels(peakOf(sides)), decibels(levelOf(sides))];
  if (peak <= SILENCE_DBFS || level >= LOW_DBFS) return 0;
  return Math.max(0, Math.min(RAISED_DBFS - level, MOST_GAIN_DB, HEADROOM_DBFS - peak));
}

function laid(parts, gains, length, count) {
  const out = Array.from({ length: count }, () => new Float32Array(length));
  parts.forEach(({ at, sides }, index) => {
    const gain = factor(gains[index]);
    out.forEach((side, number) => {
      const own = sides[number] ?? sides[0]; // mono is heard on both sides
      for (let i = 0; i < own.length; i++) side[at + i] += gain * own[i];
    });
  });
  return out;
}

/** All parts at once: a Float32Array for each side, of `length` samples. `at` is the sample from
 * which on a part sounds, `sides` its samples, -1 to 1, one or two Float32Arrays. */
export function mixed(parts, length) {
  const gains = parts.map(({ sides }) => raisedBy(sides));
  const sides = laid(parts, gains, length, Math.max(1, ...parts.map((part) => part.sides.length)));
  const lower = Math.max(0, decibels(peakOf(sides)) - HEADROOM_DBFS);
  const meet = parts.length > 1 && parts[1].at < parts[0].at + parts[0].sides[0].length;
  if (!meet || !lower) return sides;
  const less = factor(-lower);
  return sides.map((side) => side.map((sample) => sample * less));
}
