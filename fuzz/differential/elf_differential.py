"""Holds our view of ELF files against `readelf` of binutils, over the libraries of this machine.

    cargo build --release -p envdiff-files --example elf
    python3 fuzz/differential/elf_differential.py target/release/examples/elf [FOLDER...]

Prints every difference and a count; exits 1 where there is one.
"""

import collections
import os
import re
import subprocess
import sys


def elf_files(folders):
    for folder in folders:
        for top, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(top, name)
                try:
                    if os.path.islink(path) or not os.path.isfile(path):
                        continue
                    with open(path, "rb") as file:
                        if file.read(4) == b"\x7fELF":
                            yield path
                except OSError:
                    continue


def by_readelf(path):
    run = subprocess.run(
        ["readelf", "-W", "-h", "-l", "-d", "-V", "-n", path], capture_output=True, text=True, errors="replace",
        env=dict(os.environ, LC_ALL="C"),
    )
    text = run.stdout
    out = collections.defaultdict(list)

    def one(word, pattern, change=lambda value: value):
        for found in re.finditer(pattern, text, re.M):
            out[word].append(change(found.group(1)))

    one("class", r"^  Class: +(ELF32|ELF64)$", {"ELF32": "Bits32", "ELF64": "Bits64"}.get)
    one("order", r"^  Data: +2's complement, (little|big) endian$", str.capitalize)
    kinds = {"REL": "Relocatable", "EXEC": "Executable", "DYN": "Dynamic", "CORE": "Core"}
    one("kind", r"^  Type: +(\w+)", kinds.get)
    one("needed", r"\(NEEDED\) +Shared library: \[(.*)\]$")
    one("soname", r"\(SONAME\) +Library soname: \[(.*)\]$")
    one("rpath", r"\(RPATH\) +Library rpath: \[(.*)\]$")
    one("runpath", r"\(RUNPATH\) +Library runpath: \[(.*)\]$")
    one("interpreter", r"\[Requesting program interpreter: (.*)\]$")
    one("id", r"Build ID: (\w+)$")
    out["id"] = out["id"][:1]
    stack = re.search(r"^  GNU_STACK +\S+ \S+ \S+ \S+ \S+ (...)", text, re.M)
    out["stack"] = [f"Some({str('E' in stack.group(1)).lower()})" if stack else "None"]
    textrel = re.search(r"\(TEXTREL\)", text) or re.search(r"\(FLAGS\).*TEXTREL", text)
    out["textrel"] = ["true" if textrel else "false"]
    section = None
    for line in text.splitlines():
        if line.startswith("Version needs section"):
            section = "need"
        elif line.startswith("Version definition section"):
            section = "defines"
        elif line.startswith(("Version symbols section", "Displaying notes")):
            section = None
        elif section == "need":
            if found := re.search(r" File: (.*?)  Cnt: \d+$", line):
                library = found.group(1)
            elif found := re.search(r" Name: (.*?)  Flags: (.*?)  Version: \d+$", line):
                weak = " weak" if "WEAK" in found.group(2) else ""
                out["need"].append(f"{library} {found.group(1)}{weak}")
        elif section == "defines":
            found = re.search(r" Rev: \d+  Flags: (.*?) +Index: \d+  Cnt: \d+  Name: (.*)$", line)
            if found and "BASE" not in found.group(1):
                out["defines"].append(found.group(2))
    return {word: values for word, values in out.items() if values}


def main():
    program, folders = sys.argv[1], sys.argv[2:] or ["/usr/lib", "/usr/bin", "/opt"]
    paths = sorted(elf_files(folders))
    differences = 0
    for start in range(0, len(paths), 500):
        batch = paths[start : start + 500]
        lines = subprocess.run([program, *batch], capture_output=True, text=True, errors="replace").stdout
        print(lines.splitlines()[-1])
        ours = {}
        for line in lines.splitlines()[:-1]:
            path, *words = line.split("\t")
            told = collections.defaultdict(list)
            for word in words:
                key, _, value = word.partition("=")
                told[key].append(value)
            told.pop("machine", None)
            ours[path] = dict(told)
        for path in batch:
            have, want = ours.get(path), by_readelf(path)
            if have != want:
                differences += 1
                print("differs:", path)
                for word in sorted(set(have or {}) | set(want)):
                    if (have or {}).get(word) != want.get(word):
                        print(f"  {word}: ours {(have or {}).get(word)}, readelf {want.get(word)}")
    print(f"{len(paths)} files, {differences} differ")
    sys.exit(1 if differences else 0)


main()
