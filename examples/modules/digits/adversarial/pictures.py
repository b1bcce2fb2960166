"""Grey images of one size, in whole grey levels: what is on disk is exactly what the network sees.

Levels are unsigned bytes, 0 is black and 255 is white. Digits are light on dark.
"""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, UnidentifiedImageError

from .errors import JobError

Levels: TypeAlias = npt.NDArray[np.uint8]

SIDE = 24
"""Three times the side of scikit-learn's digits, so that strokes survive a small median filter."""

PIXELS_MAX = 4096 * 4096
WHITE = 255


def read(path: Path) -> Levels:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > PIXELS_MAX:
                raise JobError(f"{path.name} has more than {PIXELS_MAX} pixels")
            return from_image(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise JobError(f"{path.name} is not a readable PNG image") from error


def from_image(image: Image.Image) -> Levels:
    grey = image.convert("L")
    if grey.size != (SIDE, SIDE):
        grey = grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(grey, dtype=np.uint8)


def write(path: Path, levels: Levels) -> None:
    # The format is said, not guessed: a name may end in .PNG or .png.
    Image.fromarray(levels).save(path, format="PNG")


def median(levels: Levels, size: int) -> Levels:
    """Each pixel becomes the middle one of its neighbours in a square window."""
    filtered = Image.fromarray(levels).filter(ImageFilter.MedianFilter(size))
    return np.asarray(filtered, dtype=np.uint8)


def squeeze(levels: Levels, bits: int) -> Levels:
    """Each pixel becomes the nearest of the 2**bits evenly spaced levels."""
    steps = 2**bits - 1
    nearest = np.round(levels / WHITE * steps) / steps
    return np.asarray(np.round(nearest * WHITE), dtype=np.uint8)
