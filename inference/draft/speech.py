"""INTERIM by the lead, to let others integrate; the owner of this file overwrites it whole."""

import importlib.util
from dataclasses import dataclass

import numpy as np

LEAD_S = 0.045


@dataclass(frozen=True)
class MouthCurves:
    opening: np.ndarray
    rounding: np.ndarray
    spreading: np.ndarray
    closure: np.ndarray
    teeth: np.ndarray
    energy: np.ndarray


def analyse(sound, frames):
    spec = importlib.util.spec_from_file_location("protospeech", "/tmp/proto/speech.py")
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    c = m.analyse(sound, n_frames=frames)
    f = lambda a: np.clip(a, 0, 1).astype("f4")
    return MouthCurves(f(c["open"]), f(-c["wide"]), f(c["wide"]), f(c["close"]), f(c["teeth"]), f(c["energy"]))
