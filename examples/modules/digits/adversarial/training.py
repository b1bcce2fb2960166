"""Training on scikit-learn's digits: deterministic, and quick enough for every job without a model.

The split is fixed, so that no image a demonstration shows was ever trained on.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from .network import Network, as_rows
from .pictures import WHITE, Levels, from_image

TEST_IMAGES = 500
SPLIT_SEED = 0
INK_MAX = 16


@dataclass(frozen=True)
class Recipe:
    """The knobs of the training; its defaults are those of the Train function."""

    hidden_units: int = 64
    epochs: int = 15
    weight_decay: float = 0.001
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """One side of the split: images, their labels, and their places in the data set."""

    images: list[Levels]
    labels: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]


def split_digits() -> tuple[Part, Part]:
    """The images to learn from and the images to be judged by."""
    digits = load_digits()
    images = [_enlarged(ink) for ink in digits.images]
    places = train_test_split(
        np.arange(len(images)),
        test_size=TEST_IMAGES,
        random_state=SPLIT_SEED,
        stratify=digits.target,
    )
    learn, judge = (Part([images[i] for i in part], digits.target[part], part) for part in places)
    return learn, judge


def train(recipe: Recipe) -> tuple[Network, float]:
    """A network, and the share of unseen images that it gets right."""
    learn, judge = split_digits()
    classifier = MLPClassifier(
        (recipe.hidden_units,),
        alpha=recipe.weight_decay,
        max_iter=recipe.epochs,
        random_state=recipe.seed,
        batch_size=64,
        learning_rate_init=0.002,
    )
    with warnings.catch_warnings():
        # The number of epochs is a budget: to stop before convergence is what was asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(as_rows(learn.images), learn.labels)
    network = Network(
        classifier.coefs_[0],
        classifier.intercepts_[0],
        classifier.coefs_[1],
        classifier.intercepts_[1],
    )
    right = network.probabilities(as_rows(judge.images)).argmax(axis=1) == judge.labels
    return network, float(right.mean())


def _enlarged(ink: npt.NDArray[np.float64]) -> Levels:
    levels = np.round(ink / INK_MAX * WHITE).astype(np.uint8)
    return from_image(Image.fromarray(levels))
