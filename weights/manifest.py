"""Every model file the product uses. So far the two face nets that ship with it.

Both are MediaPipe's (Google, Apache-2.0; licence and notice beside the files).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class WeightFile:
    """One file: `path` on this machine, its size and its SHA-256 in hexadecimal."""

    path: Path
    size_bytes: int
    sha256: str

    def intact(self) -> bool:
        """Whether the file is there with the recorded size and hash."""
        if not self.path.is_file() or self.path.stat().st_size != self.size_bytes:
            return False
        return hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


FACE_DETECTOR = WeightFile(
    _HERE / "faces" / "face_detection_full_range.tflite",
    1_083_984,
    "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
)
FACE_MESH = WeightFile(
    _HERE / "faces" / "face_landmark.tflite",
    1_242_398,
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
