"""JAX: a whole epoch in one jitted lax.scan, with shuffle and gather (`fixed`: with batches that stay); prediction jitted."""

import os
import sys

# Threads are fixed when XLA starts: the process is started once per number of threads.
THREADS = int(sys.argv[1])
FIXED = "fixed" in sys.argv
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if THREADS > 1 else 'false'} intra_op_parallelism_threads={THREADS}"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from protocol import serve  # noqa: E402

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def parameters_of(case):
    random, width, parameters = np.random.default_rng(1), case["inputs"], []
    for units, _ in case["layers"]:
        weight = random.normal(0, width**-0.5, (width, units)).astype(np.float32)
        parameters.append((jnp.asarray(weight), jnp.zeros(units, jnp.float32)))
        width = units
    return parameters


def logits(case, parameters, x):
    for (weight, bias), (_, activation) in zip(parameters, case["layers"]):
        # The logistic of an output belongs to the loss, which takes logits.
        x = ACTIVATIONS.get(activation, lambda z: z)(x @ weight + bias)
    return x


def loss_of(case):
    def binary(z, t):
        return jnp.mean(jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z))))

    def categorical(z, t):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], 1))

    def squared(z, t):
        return jnp.mean((z - t) ** 2)

    return {"b": binary, "c": categorical, "s": squared}[case["loss"][0]]


def initial_state(case, parameters):
    zeros = jax.tree_util.tree_map(jnp.zeros_like, parameters)
    return (zeros, zeros, jnp.float32(0)) if case["optimizer"] == "adam" else zeros


def updated(case, parameters, state, gradients):
    tree, rate = jax.tree_util.tree_map, case["rate"]
    if case["optimizer"] == "sgd":
        return tree(lambda w, g: w - rate * g, parameters, gradients), state
    if case["optimizer"] == "momentum":
        state = tree(lambda v, g: case["momentum"] * v + g, state, gradients)
        return tree(lambda w, v: w - rate * v, parameters, state), state
    m, v, t = state
    t = t + 1
    m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
    first, second = rate / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
    step = tree(lambda w, m, v: w - first * m / (jnp.sqrt(v) * second + 1e-8), parameters, m, v)
    return step, (m, v, t)


def training(case):
    rows, batch, outputs = case["rows"], case["batch"], case["layers"][-1][0]
    random = np.random.default_rng(1)
    x = jnp.asarray(random.uniform(-1, 1, (rows, case["inputs"])).astype(np.float32))
    if case["loss"].startswith("categorical"):
        y = jnp.asarray(random.integers(0, outputs, rows))
    else:
        y = jnp.asarray(random.integers(0, 2, (rows, outputs)).astype(np.float32))
    loss = loss_of(case)

    def epoch(parameters, state, key, x, y):
        steps = rows // batch
        order = jax.random.permutation(key, rows).reshape(steps, batch)
        batches = (x.reshape(steps, batch, -1), y.reshape(steps, batch, *y.shape[1:]))

        def step(carry, given):
            parameters, state = carry
            rows_x, rows_y = given if FIXED else (x[given], y[given])
            value, gradients = jax.value_and_grad(lambda p: loss(logits(case, p, rows_x), rows_y))(parameters)
            return updated(case, parameters, state, gradients), value

        (parameters, state), values = jax.lax.scan(step, (parameters, state), batches if FIXED else order)
        return parameters, state, values.mean()

    run = jax.jit(epoch, donate_argnums=(0, 1))
    parameters = parameters_of(case)
    held = {"all": (parameters, initial_state(case, parameters)), "key": jax.random.PRNGKey(1)}

    def call():
        held["key"], key = jax.random.split(held["key"])
        *now, value = run(*held["all"], key, x, y)
        held["all"] = tuple(now)
        value.block_until_ready()

    call()
    return call, rows


def inference(case):
    parameters = parameters_of(case)
    last = jax.nn.softmax if case["loss"].startswith("categorical") else jax.nn.sigmoid
    run = jax.jit(lambda x: last(logits(case, parameters, x)))
    x = np.random.default_rng(1).uniform(-1, 1, (case["batch"], case["inputs"])).astype(np.float32)
    return (lambda: run(x).block_until_ready()), case["batch"]


def open_case(case):
    if FIXED and case["kind"] != "train":
        return "only training"
    if case["threads"] != THREADS:
        return f"this process has {THREADS} threads"
    return {"train": training, "infer": inference}.get(case["kind"], lambda _: "only training and prediction")(case)


serve(jax.__version__, open_case)
