// Parts of clean recordings as sound: only the bytes that are heard are fetched.

import { mixed } from "./mixing.js";

export const RATE_HZ = 48_000;
const HEADER_BYTES = 44; // of a clean recording, a 16-bit WAV
const SAMPLE_BYTES = 2;

/** Those of the parts that lie between two samples of their time, from the first of them on. */
export function clipped(parts, start, end) {
  return parts
    .map((part) => {
      const first = Math.max(part.at, start);
      const samples = Math.min(part.at + part.samples, end) - first;
      return { ...part, from: part.from + first - part.at, at: first - start, samples };
    })
    .filter(({ samples }) => samples > 0);
}

/** The parts mixed as the video will have them, an AudioBuffer. */
export async function sound(parts, samples) {
  const read = await Promise.all(parts.map(async (part) => ({ ...part, sides: await sides(part) })));
  const all = mixed(read, samples);
  const buffer = new AudioBuffer({
    length: samples,
    numberOfChannels: all.length,
    sampleRate: RATE_HZ,
  });
  all.forEach((side, number) => buffer.copyToChannel(side, number));
  return buffer;
}

async function sides({ url, channels, from, samples }) {
  const first = HEADER_BYTES + SAMPLE_BYTES * channels * from;
  const last = first + SAMPLE_BYTES * channels * samples - 1;
  const answer = await fetch(url, { headers: { Range: `bytes=${first}-${last}` } });
  if (answer.status !== 206) throw new Error(String(answer.status));
  const values = new Int16Array(await answer.arrayBuffer());
  return Array.from({ length: channels }, (_, side) =>
    Float32Array.from({ length: samples }, (_, i) => values[i * channels + side] / 32768),
  );
}
