"""Write images of the test split as PNG files: `python -m adversarial.samples FOLDER`.

The first test image of each digit that the default network reads right, since an attack on an image
that is misread anyway shows nothing. How the attack or the defence does on it plays no part. The
true label stands in the file's name.
"""

import sys
from pathlib import Path

import numpy as np

from . import pictures
from .network import as_rows
from .training import Recipe, split_digits, train


def main(folder: Path) -> None:
    _, judge = split_digits()
    network, _ = train(Recipe())
    right = network.probabilities(as_rows(judge.images)).argmax(axis=1) == judge.labels
    for label in np.unique(judge.labels):
        row = np.flatnonzero(right & (judge.labels == label))[0]
        pictures.write(folder / f"digit-{label}-{judge.places[row]:04d}.png", judge.images[row])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
