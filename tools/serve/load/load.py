"""Measures gradus serve and a peer side by side, and prints tables in Markdown.

    python tools/serve/load/load.py --gradus ./gradus --mnist RUN --spam RUN

The peer is tools/serve/peer.py: onnxruntime behind FastAPI and uvicorn, with the
same weights. Both do the same work: pixels as JSON numbers in, class and
probabilities out (mnist); a text in, its n-grams counted by the server, class and
probabilities out (spam); a float32 tensor [1 3 224 224] as bytes in, the class
out (resnet50, with weights that are drawn). Before anything is measured, their
answers to all bodies are compared.

The peer runs with one worker, with two, and with one of two threads, and counts
with whichever of these is fastest at each number of connections. Its handlers are
made for speed; for mnist the rate of handlers as FastAPI's documentation writes
them is told too. wrk is the
client, of one thread. The two are measured in turn, peer and gradus, several
rounds of each, and the tables have medians. At the end gradus answers 100,000
requests while its memory is watched.

    pip install fastapi 'uvicorn[standard]' onnxruntime onnx numpy; apt install wrk

An idle machine is needed; all takes about seven minutes.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import to_onnx  # noqa: E402

BODIES = 64

# The peer's ways to run: workers, and threads of onnxruntime in each.
PEERS = [(1, 1), (2, 1), (1, 2)]


def write(folder, name, bodies):
    for i, body in enumerate(bodies):
        (folder / f"{name}.{i}").write_bytes(body)


def digits(rng):
    """Strokes on a dark ground, as JSON numbers."""
    y, x = numpy.mgrid[:28, :28]
    for _ in range(BODIES):
        image = numpy.zeros((28, 28))
        at, step = rng.uniform(8, 20, 2), rng.uniform(-1.5, 1.5, 2)
        for _ in range(14):
            image += 180 * numpy.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 1.5)
            step += rng.uniform(-0.8, 0.8, 2)
            at = numpy.clip(at + step, 4, 23)
        image[image < 10] = 0
        yield json.dumps({"image": image.clip(0, 255).astype(int).tolist()}, separators=(",", ":")).encode()


def mails():
    """Texts of words whose frequencies go by Zipf's law, of 150 to 450 words."""
    rng = random.Random(2)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = [1 / (i + 2) for i in range(len(letters))]
    words = ["".join(rng.choices(letters, weights, k=rng.randint(1, 10))) for _ in range(8000)]
    words[:20] = "free money now click here offer meeting minutes list patch please the of to and in is it you that".split()
    weights = [1 / (i + 1) for i in range(len(words))]
    for _ in range(BODIES):
        text = rng.choices(words, weights, k=rng.randint(150, 450))
        for i in range(7, len(text), 12):
            text[i] += rng.choice([".", ",", "!", "?", "\n", " $100", " don't"])
        yield json.dumps({"text": "Subject: " + " ".join(text)}).encode()


def tensors(rng):
    """Float32 tensors [1 3 224 224], as they are."""
    for _ in range(4):
        yield rng.standard_normal((1, 3, 224, 224), numpy.float32).tobytes()


def free():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A process with those it has started, which can be asked. PORT in the command
    is the port that it is to listen on."""

    def __init__(self, command, ready, log, **variables):
        self.port = port = free()
        self.process = subprocess.Popen(
            [str(c).replace("PORT", str(port)) for c in command], stdout=open(log, "wb"), stderr=subprocess.STDOUT,
            env={**os.environ, **variables}, cwd=HERE.parent, start_new_session=True)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=2).read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{command[0]} did not start:\n{pathlib.Path(log).read_text()}")

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)

    def resident(self):
        """Resident memory, MiB."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024


class Case:
    """What one side is asked: a path, bodies, and how to read the answer."""

    def __init__(self, path, prefix, content_type, headers, read):
        self.path, self.prefix, self.content_type, self.headers, self.read = path, prefix, content_type, headers, read

    def ask(self, server, i):
        body = pathlib.Path(f"{self.prefix}.{i}").read_bytes()
        headers = {"Content-Type": self.content_type, **self.headers}
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{self.path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return self.read(json.loads(response.read()))
        except urllib.error.HTTPError as e:
            raise SystemExit(f"{self.path}: {e}: {e.read()}")

    def wrk(self, server, connections, seconds):
        command = [
            "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", HERE / "post.lua",
            f"http://127.0.0.1:{server.port}{self.path}", "--", self.prefix, self.content_type]
        for name, value in self.headers.items():
            command += [name, value]
        out = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout
        result = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
        result["rate"] = result["requests"] / result["seconds"]
        return result


def same(a, b):
    """Whether two answers (class, probabilities) agree."""
    return a[0] == b[0] and a[1].keys() == b[1].keys() and all(abs(a[1][k] - b[1][k]) < 1e-5 for k in a[1])


def cases(folder):
    """Each workload by name: gradus' side, the peer's, and numbers of connections."""
    def of(target):
        def read(answer):
            result = answer["predictions"][0][target]
            return result["class"], result["probabilities"]
        return read

    def plain(answer):
        return answer["class"], answer["probabilities"]

    header = json.dumps({
        "parameters": {"preprocessed": True},
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 224, 224],
                    "parameters": {"binary_data_size": 4 * 3 * 224 * 224}}],
        "outputs": [{"name": "label"}],
    }, separators=(",", ":")).encode()
    write(folder, "mnist", digits(numpy.random.default_rng(1)))
    write(folder, "spam", mails())
    raw = list(tensors(numpy.random.default_rng(3)))
    write(folder, "resnet50", raw)
    write(folder, "resnet50v2", [header + body for body in raw])
    form = "application/json"
    binary = "application/octet-stream"
    return {
        "mnist": (Case("/v1/predict/mnist", folder / "mnist", form, {}, of("label")),
                  Case("/mnist", folder / "mnist", form, {}, plain), [1, 16, 256]),
        "spam": (Case("/v1/predict/spam", folder / "spam", form, {}, of("kind")),
                 Case("/spam", folder / "spam", form, {}, plain), [1, 16, 256]),
        "resnet50": (Case("/v2/models/resnet50/infer", folder / "resnet50v2", binary,
                          {"Inference-Header-Content-Length": str(len(header))},
                          lambda a: (a["outputs"][0]["data"][0], {})),
                     Case("/resnet50", folder / "resnet50", binary, {}, lambda a: (a["class"], {})), [16]),
    }


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory(server, case, total):
    """Memory while a server answers requests: how many, the least and the most."""
    seen, done, stop = [], 0, threading.Event()

    def watch():
        while not stop.wait(0.1):
            seen.append((time.time(), server.resident()))

    case.wrk(server, 16, 2)
    before = server.resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    errors, quarters = 0, []
    while done < total:
        result = case.wrk(server, 16, 5)
        done += result["requests"]
        errors += result["errors"]
        quarters.append((done, server.resident()))
    stop.set()
    watcher.join()
    time.sleep(3)
    return before, [m for _, m in seen], quarters, server.resident(), done, errors


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--gradus", default="./gradus", help="the program")
    parse.add_argument("--mnist", required=True, help="run folder of the recipe mnist")
    parse.add_argument("--spam", required=True, help="run folder of the recipe spam")
    parse.add_argument("--resnet50", help="folder of tools/serve/load/resnet50; made by go run where it is not given")
    parse.add_argument("--only", help="one of mnist, spam, resnet50, memory")
    parse.add_argument("--connections", type=int, help="one number of connections in place of all")
    parse.add_argument("--seconds", type=int, default=4, help="of one measurement")
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--requests", type=int, default=100_000, help="of the watch on memory")
    args = parse.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are stopped then too
    folder = pathlib.Path(tempfile.mkdtemp(prefix="load"))
    servers = []
    try:
        runs = {"mnist": args.mnist, "spam": args.spam, "resnet50": args.resnet50 or folder / "run"}
        if not args.resnet50:
            subprocess.run(["go", "run", "./tools/serve/load/resnet50", str(folder / "run")], check=True, cwd=HERE.parents[2])
        runs = {name: pathlib.Path(run).resolve() for name, run in runs.items()}
        for name, run in runs.items():
            to_onnx.onnx.save(to_onnx.export(run), folder / f"{name}.onnx")
            shutil.copy(run / "model" / "preprocess.json", folder / f"{name}.json")
        all_cases = cases(folder)
        measured = {name: case for name, case in all_cases.items() if args.only in (None, name)}
        gradus = Server(
            [pathlib.Path(args.gradus).resolve(), "serve", "--listen", "127.0.0.1:PORT", "--log-requests=false", *(f"{name}={run}" for name, run in runs.items())],
            "/readyz", folder / "gradus.log")
        servers.append(gradus)
        peers = {}
        for i, (workers, threads) in enumerate(PEERS):
            peers[workers, threads] = Server(
                [sys.executable, "-m", "uvicorn", "peer:app", "--port", "PORT", "--workers", workers, "--log-level", "warning", "--no-access-log"],
                "/openapi.json", folder / f"peer{i}.log", PEER_FOLDER=str(folder), PEER_THREADS=str(threads))
            servers.append(peers[workers, threads])

        print(f"{processor()}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d')}; "
              f"medians of {args.rounds} rounds of {args.seconds} s each.\n", flush=True)
        for name, (ours, theirs, _) in measured.items():
            count = 4 if name == "resnet50" else BODIES
            for i in range(count):
                a, b = ours.ask(gradus, i), theirs.ask(peers[PEERS[0]], i)
                if not same(a, b):
                    raise SystemExit(f"{name}: the answers to body {i} differ: {a} and {b}")
            print(f"{name}: the answers to {count} bodies agree.", flush=True)
        print()
        print("| model | connections | peer, requests/s | gradus, requests/s | ratio | peer p50 / p99, ms | gradus p50 / p99, ms | p99 ratio | errors, peer / gradus | the peer's best way |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name, (ours, theirs, connections) in measured.items():
            slow = name == "resnet50"
            for c in [args.connections] if args.connections else connections:
                # All are warmed up, and the peer's best way is chosen.
                ours.wrk(gradus, c, 2)
                trial = {}
                for way, server in peers.items():
                    theirs.wrk(server, c, 3 if slow else 1)
                    trial[way] = theirs.wrk(server, c, 4 if slow else 2)["rate"]
                best = max(trial, key=trial.get)
                seconds = 2 * args.seconds if slow else args.seconds
                results = {"peer": [], "gradus": []}
                for _ in range(args.rounds):
                    results["peer"].append(theirs.wrk(peers[best], c, seconds))
                    results["gradus"].append(ours.wrk(gradus, c, seconds))
                m = {side: {k: statistics.median(r[k] for r in rs) for k in ["rate", "p50_ms", "p99_ms"]} for side, rs in results.items()}
                p, g = m["peer"], m["gradus"]
                errors = {side: sum(r["errors"] for r in rs) for side, rs in results.items()}
                others = ", ".join(f"{w} x {t}: {rate:.0f}" for (w, t), rate in trial.items())
                if name == "mnist":
                    typed = Case("/typed/mnist", theirs.prefix, theirs.content_type, {}, None)
                    typed.wrk(peers[best], c, 1)
                    result = typed.wrk(peers[best], c, 2)
                    others += f"; best with typed handlers: {result['rate']:.0f}, {result['errors']} errors"
                print(f"| {name} | {c} | {p['rate']:.1f} | {g['rate']:.1f} | {g['rate'] / p['rate']:.2f} "
                      f"| {p['p50_ms']:.2f} / {p['p99_ms']:.2f} | {g['p50_ms']:.2f} / {g['p99_ms']:.2f} | {g['p99_ms'] / p['p99_ms']:.2f} "
                      f"| {errors['peer']} / {errors['gradus']} | {best[0]} workers x {best[1]} threads (tried: {others}) |", flush=True)
        if args.only in (None, "memory"):
            before, seen, marks, after, done, errors = memory(gradus, all_cases["mnist"][0], args.requests)
            print(f"\nMemory over {done} requests to mnist of 16 connections, {errors} errors: {before:.1f} MiB before, "
                  f"{min(seen):.1f} to {max(seen):.1f} during ({', '.join(f'{n}: {m:.1f}' for n, m in marks)}), {after:.1f} after.")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
