"""The child's side of bench/child.ts for Python rivals."""

import sys
import time


def serve(version, open_case):
    """Answers requests until the input ends.

    open_case takes the fields of a request as a dict (numbers where they are numbers, `layers` as (units, activation) pairs)
    and gives (call, items), or a text that says why there is no such case.
    """
    print("ready", version, flush=True)
    opened = None
    for line in sys.stdin:
        kind, *words = line.split()
        try:
            if kind == "run":
                print(rate_of(*opened, float(words[0])), flush=True)
                continue
            opened = open_case({"kind": kind, **dict(field(word) for word in words)})
            print(f"no {opened}" if isinstance(opened, str) else "ok", flush=True)
        except Exception as error:  # the case is left out, the process serves on
            print("no", (str(error) or repr(error)).splitlines()[0], flush=True)


def field(word):
    name, value = word.split("=")
    if name == "layers":
        return name, [(int(units), activation) for units, activation in (layer.split(":") for layer in value.split(","))]
    try:
        return name, int(value)
    except ValueError:
        pass
    try:
        return name, float(value)
    except ValueError:
        return name, value


def rate_of(call, items, milliseconds):
    """Items per second; calls are grouped so that the clock is read about every 50 µs."""
    start = last = now = time.perf_counter()
    calls, stride = 0, 1
    while now - start < milliseconds / 1000:
        for _ in range(stride):
            call()
        calls += stride
        now = time.perf_counter()
        if now - last < 50e-6:
            stride *= 2
        last = now
    return items * calls / (now - start)
