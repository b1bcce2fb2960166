"""Compare the network's gradient with finite differences, inside the digits module's environment.

Prints JSON: for each image looked at, the largest error relative to the largest gradient.
"""

import json

import numpy as np

from examples.modules.digits.adversarial.network import as_rows
from examples.modules.digits.adversarial.training import Recipe, split_digits, train

IMAGES = 5
STEP = 1e-6

network = train(Recipe(epochs=3))[0]
judge = split_digits()[1]
rows = as_rows(judge.images[:IMAGES])
labels = judge.labels[:IMAGES]
gradients = network.input_gradient(rows, labels)

errors = []
for row, label, gradient in zip(rows, labels, gradients, strict=True):
    steps = np.eye(row.size) * STEP
    above = -np.log(network.probabilities(row + steps)[:, label])
    below = -np.log(network.probabilities(row - steps)[:, label])
    measured = (above - below) / (2 * STEP)
    errors.append(float(np.abs(measured - gradient).max() / np.abs(gradient).max()))
print(json.dumps(errors))
