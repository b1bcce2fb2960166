"""A network with one hidden layer, and the gradient of its loss with respect to the image.

The gradient is worked out by hand, so that an attack needs nothing but matrix products; a test
holds it against finite differences.
"""

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Self, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from .errors import JobError
from .pictures import SIDE, WHITE, Levels

Numbers: TypeAlias = npt.NDArray[np.float64]

LABELS = 10


@dataclass(frozen=True)
class Network:
    """Weights and biases of the hidden (rectified) and the output (softmax) layer."""

    hidden_weights: Numbers
    hidden_biases: Numbers
    output_weights: Numbers
    output_biases: Numbers

    def __post_init__(self) -> None:
        units = self.hidden_biases.size
        shapes = [part.shape for part in astuple(self)]
        if shapes != [(SIDE * SIDE, units), (units,), (units, LABELS), (LABELS,)]:
            raise JobError(f"the model has layers of the wrong shape: {shapes}")
        if not all(np.isfinite(part).all() for part in astuple(self)):
            raise JobError("the model holds numbers that are not finite")

    def probabilities(self, images: Numbers) -> Numbers:
        """How likely each label is, for each row of pixels from 0 to 1."""
        return self._forward(images)[1]

    def input_gradient(self, images: Numbers, labels: npt.NDArray[np.intp]) -> Numbers:
        """How the cross-entropy loss of the given labels changes with each pixel."""
        active, probabilities = self._forward(images)
        # Through softmax and cross-entropy together, it is simply "what it says - what is so".
        output_gradient = probabilities - np.eye(LABELS)[labels]
        hidden_gradient = (output_gradient @ self.output_weights.T) * (active > 0)
        return hidden_gradient @ self.hidden_weights.T

    def _forward(self, images: Numbers) -> tuple[Numbers, Numbers]:
        active = np.maximum(images @ self.hidden_weights + self.hidden_biases, 0.0)
        scores = active @ self.output_weights + self.output_biases
        # Shifted by the largest score, no exponential can overflow.
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return active, exponentials / exponentials.sum(axis=1, keepdims=True)

    def save(self, path: Path) -> None:
        names = [part.name for part in fields(self)]
        arrays: dict[str, Numbers] = dict(zip(names, astuple(self), strict=True))
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            # A pickle could run code; plain arrays cannot.
            with np.load(path, allow_pickle=False) as arrays:
                parts = [np.asarray(arrays[part.name], dtype=np.float64) for part in fields(cls)]
        except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
            raise JobError(f"{path.name} is not a model that Train made") from error
        return cls(*parts)


def as_rows(images: list[Levels]) -> Numbers:
    """Grey levels as rows of numbers from 0 to 1."""
    return np.stack(images).reshape(len(images), -1) / float(WHITE)
