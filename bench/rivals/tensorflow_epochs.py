"""TensorFlow: a whole shuffled epoch as a loop inside one function jitted by XLA."""

import os
import sys

THREADS = int(sys.argv[1])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from protocol import serve  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)
ACTIVATIONS = {"relu": tf.nn.relu, "tanh": tf.tanh}


def variables_of(case):
    random, width, variables = np.random.default_rng(1), case["inputs"], []
    for units, _ in case["layers"]:
        variables.append(tf.Variable(random.normal(0, width**-0.5, (width, units)).astype(np.float32)))
        variables.append(tf.Variable(tf.zeros(units)))
        width = units
    return variables


def logits(case, variables, x):
    for i, (_, activation) in enumerate(case["layers"]):
        # The logistic of an output belongs to the loss, which takes logits.
        x = ACTIVATIONS.get(activation, lambda z: z)(tf.matmul(x, variables[2 * i]) + variables[2 * i + 1])
    return x


def loss_of(case):
    return {
        "b": lambda z, t: tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=z)),
        "c": lambda z, t: tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=t, logits=z)),
        "s": lambda z, t: tf.reduce_mean((z - t) ** 2),
    }[case["loss"][0]]


def training(case):
    rows, batch, outputs, rate = case["rows"], case["batch"], case["layers"][-1][0], case["rate"]
    random = np.random.default_rng(1)
    x = tf.constant(random.uniform(-1, 1, (rows, case["inputs"])).astype(np.float32))
    if case["loss"].startswith("categorical"):
        y = tf.constant(random.integers(0, outputs, rows).astype(np.int32))
    else:
        y = tf.constant(random.integers(0, 2, (rows, outputs)).astype(np.float32))
    variables, loss = variables_of(case), loss_of(case)
    first = [tf.Variable(tf.zeros_like(v)) for v in variables]
    second = [tf.Variable(tf.zeros_like(v)) for v in variables]
    time = tf.Variable(0.0)

    def update(gradients):
        time.assign_add(1.0)
        for w, m, v, g in zip(variables, first, second, gradients):
            if case["optimizer"] == "sgd":
                w.assign_sub(rate * g)
            elif case["optimizer"] == "momentum":
                m.assign(case["momentum"] * m + g)
                w.assign_sub(rate * m)
            else:
                m.assign(0.9 * m + 0.1 * g)
                v.assign(0.999 * v + 0.001 * g * g)
                w.assign_sub(rate / (1 - 0.9**time) * m / (tf.sqrt(v / (1 - 0.999**time)) + 1e-8))

    @tf.function(jit_compile=True)
    def epoch(order):
        for i in tf.range(rows // batch):
            picked = tf.ensure_shape(tf.slice(order, [i * batch], [batch]), [batch])
            with tf.GradientTape() as tape:
                value = loss(logits(case, variables, tf.gather(x, picked)), tf.gather(y, picked))
            update(tape.gradient(value, variables))
        return variables[0][0, 0]

    def call():
        epoch(tf.constant(np.random.permutation(rows).astype(np.int32))).numpy()

    call()
    return call, rows


def inference(case):
    variables = variables_of(case)
    last = tf.nn.softmax if case["loss"].startswith("categorical") else tf.sigmoid
    run = tf.function(lambda x: last(logits(case, variables, x)), jit_compile=True)
    x = tf.random.uniform((case["batch"], case["inputs"]))
    return (lambda: run(x).numpy()), case["batch"]


def open_case(case):
    if case["threads"] != THREADS:
        return f"this process has {THREADS} threads"
    return {"train": training, "infer": inference}.get(case["kind"], lambda _: "only training and prediction")(case)


serve(tf.__version__, open_case)
