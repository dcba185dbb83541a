"""Frame sizes that MultiTalk was trained on, by aspect ratio of the picture."""

from types import MappingProxyType

# Source ratio (height / width) to height and width of the video, by size class. As published with
# the model, in its order; those of 480 are on offer, for the picture's own shape.
BUCKETS = MappingProxyType(
    {
        "480": {
            0.26: (320, 1216),
            0.38: (384, 1024),
            0.50: (448, 896),
            0.67: (512, 768),
            0.82: (576, 704),
            1.00: (640, 640),
            1.22: (704, 576),
            1.50: (768, 512),
            1.86: (832, 448),
            2.00: (896, 448),
            2.50: (960, 384),
            2.83: (1088, 384),
            3.60: (1152, 320),
            3.80: (1216, 320),
            4.00: (1280, 320),
        },
        "720": {
            0.22: (448, 2048),
            0.29: (512, 1792),
            0.36: (576, 1600),
            0.45: (640, 1408),
            0.55: (704, 1280),
            0.63: (768, 1216),
            0.76: (832, 1088),
            0.88: (896, 1024),
            1.00: (960, 960),
            1.14: (1024, 896),
            1.31: (1088, 832),
            1.50: (1152, 768),
            1.58: (1216, 768),
            1.82: (1280, 704),
            1.91: (1344, 704),
            2.20: (1408, 640),
            2.30: (1472, 640),
            2.67: (1536, 576),
            2.89: (1664, 576),
            3.62: (1856, 512),
            3.75: (1920, 512),
        },
    }
)


def select_bucket(size_class: str, height: int, width: int) -> tuple[int, int]:
    """Return height and width of the video with the ratio nearest to the picture's."""
    sizes = BUCKETS[size_class]
    return sizes[min(sizes, key=lambda ratio: abs(ratio - height / width))]
