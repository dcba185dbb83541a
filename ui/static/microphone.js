// The microphone: how loud it is, and what it records.

import { words } from "./words.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4"]; // of the first kind that the browser writes
const WATCH_MS = 50;

/** The microphone, once the person allows it. */
export async function microphone() {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: true, autoGainControl: true },
  });
  return new Microphone(stream);
}

class Microphone {
  #stream;
  #context = new AudioContext();
  #analyser = this.#context.createAnalyser();
  #timer = null;

  constructor(stream) {
    this.#stream = stream;
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  /** Call `told` with how loud it is, { decibels, peak }, many times a second. */
  watch(told) {
    const samples = new Float32Array(this.#analyser.fftSize);
    this.#timer = setInterval(() => {
      this.#analyser.getFloatTimeDomainData(samples);
      told(loudness(samples));
    }, WATCH_MS);
  }

  /** Start a recording: how long it is by now, and what ends it with its file. */
  record() {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(this.#stream, { mimeType });
    const pieces = [];
    const started = performance.now();
    // it also ends by itself, when the microphone is taken away
    const stopped = new Promise((resolve) => {
      recorder.onstop = resolve;
    });
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.start();
    return {
      seconds: () => (performance.now() - started) / 1000,
      ended: () => recorder.state === "inactive",
      stop: async () => {
        if (recorder.state !== "inactive") recorder.stop();
        await stopped;
        return new File(pieces, words("recorderFile"), { type: recorder.mimeType });
      },
    };
  }

  /** Let go of it. */
  end() {
    clearInterval(this.#timer);
    this.#context.close();
    this.#stream.getTracks().forEach((track) => track.stop());
  }
}

function loudness(samples) {
  let [power, peak] = [0, 0];
  for (const sample of samples) {
    power += (sample * sample) / samples.length;
    peak = Math.max(peak, Math.abs(sample));
  }
  return { decibels: 10 * Math.log10(power + 1e-12), peak };
}
