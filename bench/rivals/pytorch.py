"""PyTorch: eager with its fused optimizers, or its compiler (`pytorch.py compiled`)."""

import sys
import warnings

import torch
import torch.nn.functional as F

from protocol import serve

warnings.filterwarnings("ignore")
COMPILED = "compiled" in sys.argv[1:]
ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
LOSSES = {
    "binaryCrossEntropy": F.binary_cross_entropy_with_logits,
    "binaryCrossEntropyFromLogits": F.binary_cross_entropy_with_logits,
    "categoricalCrossEntropyFromLogits": F.cross_entropy,
    "squaredError": F.mse_loss,
}


def network(case):
    width, modules = case["inputs"], []
    for units, activation in case["layers"]:
        modules.append(torch.nn.Linear(width, units))
        # The logistic of an output belongs to the loss, which takes logits.
        if activation in ACTIVATIONS:
            modules.append(ACTIVATIONS[activation]())
        width = units
    return torch.nn.Sequential(*modules)


def optimizer_of(case, parameters):
    rate = case["rate"]
    # Version 1.13 takes `fused` for Adam, on GPUs only, and has no other than `foreach` to offer.
    kind = {"fused": True} if hasattr(torch, "compile") else {"foreach": True}
    if case["optimizer"] == "adam":
        return torch.optim.Adam(parameters, lr=rate, **kind)
    return torch.optim.SGD(parameters, lr=rate, momentum=case["momentum"], **kind)


def training(case):
    net = network(case)
    optimizer = optimizer_of(case, list(net.parameters()))
    loss_of = LOSSES[case["loss"]]
    batch = case["batch"]
    rows = min(case["rows"], 64 * batch) if batch < 32 else case["rows"]
    x = torch.rand(rows, case["inputs"]) * 2 - 1
    outputs = case["layers"][-1][0]
    if case["loss"].startswith("categorical"):
        y = torch.randint(0, outputs, (rows,))
    else:
        y = torch.randint(0, 2, (rows, outputs)).float()

    def loss_on(picked):
        return loss_of(net(x[picked]), y[picked])

    forward = torch.compile(loss_on) if COMPILED else loss_on
    update = torch.compile(optimizer.step) if COMPILED else optimizer.step
    state = {"order": torch.randperm(rows), "next": 0}

    def step():
        if state["next"] + batch > rows:
            state["order"], state["next"] = torch.randperm(rows), 0
        picked = state["order"][state["next"] : state["next"] + batch]
        state["next"] += batch
        optimizer.zero_grad(set_to_none=True)
        forward(picked).backward()
        update()

    return step, batch


def inference(case):
    net = network(case)
    x = torch.rand(case["batch"], case["inputs"])
    last = torch.nn.Softmax(1) if case["loss"].startswith("categorical") else torch.nn.Sigmoid()
    net = torch.nn.Sequential(net, last).eval()
    with torch.inference_mode():
        run = torch.compile(net) if COMPILED else torch.jit.freeze(torch.jit.trace(net, x))

    def call():
        with torch.inference_mode():
            run(x)

    return call, case["batch"]


def open_case(case):
    torch.set_num_threads(case["threads"])
    if case["kind"] == "train":
        return training(case)
    if case["kind"] == "infer":
        return inference(case)
    return "only training and prediction"


if COMPILED and not hasattr(torch, "compile"):
    print("no torch.compile before PyTorch 2", flush=True)
else:
    serve(torch.__version__ + (" compiled" if COMPILED else ""), open_case)
