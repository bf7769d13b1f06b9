"""scikit-learn: epochs of MLPClassifier or MLPRegressor by partial_fit."""

import sys

# This file has the library's own name: its folder must not be found first, except for the protocol.
folder = sys.path.pop(0)
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

sys.path.append(folder)
from protocol import serve  # noqa: E402

ACTIVATIONS = {"relu": "relu", "tanh": "tanh"}


def open_case(case):
    if case["kind"] not in ("train", "infer"):
        return "only training and prediction"
    threadpool_limits(case["threads"])
    rows = min(case["rows"], max(512, 8 * case["batch"]))
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, (rows, case["inputs"])).astype(np.float32)
    kind = MLPRegressor if case["loss"] == "squaredError" else MLPClassifier
    net = kind(
        hidden_layer_sizes=[units for units, _ in case["layers"][:-1]],
        activation=ACTIVATIONS[case["layers"][0][1]],
        solver="adam" if case["optimizer"] == "adam" else "sgd",
        momentum=case["momentum"],
        nesterovs_momentum=False,
        alpha=0,
        batch_size=case["batch"],
        learning_rate_init=case["rate"],
    )
    if case["loss"] == "squaredError":
        y, more = random.uniform(-1, 1, rows).astype(np.float32), {}
    else:
        classes = np.arange(max(2, case["layers"][-1][0]))
        y, more = random.integers(0, len(classes), rows), {"classes": classes}
    net.partial_fit(x, y, **more)
    if case["kind"] == "train":
        return lambda: net.partial_fit(x, y), rows
    few = x[: case["batch"]]
    predict = net.predict if case["loss"] == "squaredError" else net.predict_proba
    return (lambda: predict(few)), len(few)


serve(sklearn.__version__, open_case)
