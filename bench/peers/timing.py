"""How the peers' steps are timed: as package bench times ours."""
import json, sys, time


def measure(program, threads, name, step, seconds):
    """Times a step and prints one JSON object, with the fields of `gradus bench --json`."""
    t = time.perf_counter()
    step()
    first = time.perf_counter() - t
    for _ in range(5):
        step()
    took, begin = [], time.perf_counter()
    while len(took) < 5 or (time.perf_counter() - begin < seconds and len(took) < 3000):
        t = time.perf_counter()
        step()
        took.append((time.perf_counter() - t) * 1e3)
    took.sort()
    at = lambda share: took[int(share * (len(took) - 1) + 0.5)]
    print(json.dumps({"program": program, "workload": name, "threads": threads, "median_ms": at(0.5), "p10_ms": at(0.1), "p90_ms": at(0.9),
                      "min_ms": took[0], "steps": len(took), "first_ms": first * 1e3, "peak_bytes": peak_bytes()}), flush=True)


def peak_bytes():
    """The largest resident size of this process so far."""
    if sys.platform == "linux":
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM:"))
    import resource
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size << 10
