"""The four functions of the module: each takes a job and leaves its files and tags behind.

Every function hands on what it does not change, so that they can be strung together in any order.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import pictures
from .errors import JobError
from .job import Job, Tags
from .network import Network, as_rows
from .pictures import Levels

MODEL_NAME = "model.npz"
VISUALIZE: Tags = {"visualize": "image"}


def train(job: Job) -> None:
    from .training import Recipe
    from .training import train as train_network

    recipe = Recipe(
        hidden_units=job.whole_number("hidden_units", 1, 512),
        epochs=job.whole_number("epochs", 1, 200),
        weight_decay=job.number("weight_decay", 0.0, 1000.0),
        seed=job.whole_number("seed", 0, 2**32 - 1),
    )
    network, accuracy = train_network(recipe)
    print(f"The network gets {accuracy:.1%} of the images right that it has not seen.")
    # The new model takes the place of any older one.
    for path in job.inputs_ending(".png"):
        job.hand_on(path)
    network.save(job.create(MODEL_NAME, {"accuracy": round(accuracy, 4)}))


def classify(job: Job) -> None:
    paths, images = _images(job)
    for path, image, tags in zip(paths, images, _verdicts(_network(job), images), strict=True):
        print(f"{path.name}: {tags['label']} ({tags['confidence']:.1%})")
        pictures.write(job.modify(path, tags), image)


def fgsm(job: Job) -> None:
    epsilon = job.number("epsilon", 0.0, 1.0)
    paths, images = _images(job)
    network = _network(job)
    attacked = adversarial(network, images, epsilon)
    before, after = _verdicts(network, images), _verdicts(network, attacked)
    for path, image, old, new in zip(paths, attacked, before, after, strict=True):
        print(f"{path.name}: {old['label']} -> {new['label']} ({new['confidence']:.1%})")
        pictures.write(job.modify(path, new), image)


def defend(job: Job) -> None:
    size = job.whole_number("size", 1, 11)
    if size % 2 == 0:
        raise JobError(f"size must be odd, so that the window has a middle, not {size}")
    bits = job.whole_number("bits", 1, 8)
    paths, images = _images(job)
    for path in job.inputs_ending(".npz"):
        job.hand_on(path)
    for path, image in zip(paths, images, strict=True):
        defended = pictures.squeeze(pictures.median(image, size), bits)
        pictures.write(job.modify(path, VISUALIZE), defended)
    print(f"Filtered {len(paths)} images: median of {size} x {size}, {bits} bits per pixel.")


def adversarial(network: Network, images: list[Levels], epsilon: float) -> list[Levels]:
    """Move each pixel by whole grey levels, away from the label that the network gives now."""
    rows = as_rows(images)
    labels = network.probabilities(rows).argmax(axis=1)
    signs = np.sign(network.input_gradient(rows, labels)).astype(np.int64)
    # Rounded down: the image on disk may be nearer than epsilon, never farther.
    step = int(epsilon * pictures.WHITE + 1e-9)
    moved = np.stack(images).astype(np.int64) + step * signs.reshape(len(images), *images[0].shape)
    return list(np.clip(moved, 0, pictures.WHITE).astype(np.uint8))


def _images(job: Job) -> tuple[list[Path], list[Levels]]:
    paths = job.inputs_ending(".png")
    if not paths:
        raise JobError("there is no PNG image among the input files")
    return paths, [pictures.read(path) for path in paths]


def _network(job: Job) -> Network:
    """The model among the inputs, which goes on with the images; or the same one trained anew."""
    models = job.inputs_ending(".npz")
    if len(models) > 1:
        raise JobError(f"there are {len(models)} model files, and only one can be used")
    if models:
        job.hand_on(models[0])
        return Network.load(models[0])
    # Here, not above: this import takes longer than all the work of a job that has its model.
    from .training import Recipe
    from .training import train as train_network

    return train_network(Recipe())[0]


def _verdicts(network: Network, images: list[Levels]) -> list[Tags]:
    """What the network says about each image, as tags."""
    rows = network.probabilities(as_rows(images))
    return [
        {"label": str(row.argmax()), "confidence": round(float(row.max()), 4), **VISUALIZE}
        for row in rows
    ]


FUNCTIONS: dict[str, Callable[[Job], None]] = {
    "Train": train,
    "Classify": classify,
    "FGSM": fgsm,
    "Defend": defend,
}
