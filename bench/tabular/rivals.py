"""Scores of scikit-learn's defaults on given splits: reads a job as JSON from standard input, prints a JSON line per result."""

import csv
import json
import sys
import time
import warnings

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")

# (classifier, regressor): defaults, but for the seed; linear models are given the steps to converge.
MODELS = {
    "linear": (lambda seed: LogisticRegression(max_iter=1000), lambda seed: LinearRegression()),
    "random forest": (
        lambda seed: RandomForestClassifier(random_state=seed),
        lambda seed: RandomForestRegressor(random_state=seed),
    ),
    "boosting": (
        lambda seed: HistGradientBoostingClassifier(random_state=seed),
        lambda seed: HistGradientBoostingRegressor(random_state=seed),
    ),
    "MLP": (lambda seed: MLPClassifier(random_state=seed), lambda seed: MLPRegressor(random_state=seed)),
}


def read(path, target):
    """Columns as arrays: numbers where all values are (missing ones NaN), else texts (missing ones empty)."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    columns = {}
    for i, name in enumerate(header):
        texts = [row[i] for row in rows]
        try:
            columns[name] = np.array([float(text) if text not in ("", "NA") else np.nan for text in texts])
        except ValueError:
            columns[name] = np.array(texts, dtype=object)
    y = columns.pop(target)
    numeric = [c for c in columns.values() if c.dtype == float]
    textual = [c for c in columns.values() if c.dtype != float]
    x = np.empty((len(y), len(columns)), dtype=object)
    for j, column in enumerate(numeric + textual):
        x[:, j] = column
    return x, y, len(numeric)


def inputs(numeric, width):
    """The same inputs for all: scaled numbers, one column per category."""
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(range(numeric))),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse=False), list(range(numeric, width))),
        ]
    )


def main():
    job = json.load(sys.stdin)
    is_classes = job["task"] == "classification"
    x, y, numeric = read(job["path"], job["target"])
    if is_classes:
        y = y.astype(str)
    for repeat, split in enumerate(job["splits"]):
        train, test = np.array(split["train"]), np.array(split["test"])
        for name in job["models"]:
            model = make_pipeline(inputs(numeric, x.shape[1]), MODELS[name][0 if is_classes else 1](repeat))
            started = time.perf_counter()
            model.fit(x[train], y[train])
            seconds = time.perf_counter() - started
            answers = model.predict(x[test])
            score = (accuracy_score if is_classes else r2_score)(y[test], answers)
            print(json.dumps({"model": name, "repeat": repeat, "score": score, "seconds": seconds}), flush=True)


main()
