"""Builds every case of cases.txt with gcc, lets the real loader (glibc, x86-64) say what it takes, writes told.txt.

Needs root (chroot), gcc, ldconfig. Lines of told.txt: `case NAME`, `cache HEX` where there is one, `NAME PATH` or
`NAME not found`, in the loader's order.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
LOADER = "/lib64/ld-linux-x86-64.so.2"


def gcc(*words):
    subprocess.run(["gcc", "-nostdlib", "-fno-stack-protector", "-x", "c", "-", "-x", "none", *words],
                   input="void _start(void) {}", text=True, check=True, capture_output=True)


def elf(root, stubs, path, keys):
    options, soname = [], os.path.basename(path)
    for name in filter(None, keys.get("needed", "").split(",")):
        if not (stubs / name).exists():
            gcc("-shared", f"-Wl,-soname,{name}", "-o", str(stubs / name))
        options += [str(stubs / name)]
    for key, tags in (("rpath", "--disable-new-dtags"), ("runpath", "--enable-new-dtags")):
        if key in keys:
            options += [f"-Wl,{tags}", "-Wl,-rpath," + keys[key]] if keys[key] else []
    to = root / path.lstrip("/")
    to.parent.mkdir(parents=True, exist_ok=True)
    if path == "/bin/prog":
        gcc("-pie", "-fPIE", f"-Wl,--dynamic-linker,{LOADER}", "-Wl,--no-as-needed", *options, "-o", str(to))
    else:
        gcc("-shared", "-fPIC", f"-Wl,-soname,{soname}", "-Wl,--no-as-needed", *options, "-o", str(to))
    if keys.get("machine") == "aarch64":
        with open(to, "r+b") as file:
            file.seek(18)
            file.write((183).to_bytes(2, "little"))


def tell(lines):
    with tempfile.TemporaryDirectory() as folder:
        root, stubs = pathlib.Path(folder, "root"), pathlib.Path(folder, "stubs")
        for made in (root / "lib64", root / "etc", stubs):
            made.mkdir(parents=True)
        shutil.copy(os.path.realpath(LOADER), root / LOADER.lstrip("/"))
        env, out, at = {}, [], 0
        while at < len(lines):
            word, _, rest = lines[at].partition(" ")
            at += 1
            text = ""
            while at < len(lines) and lines[at].startswith("  "):
                text += lines[at][2:] + "\n"
                at += 1
            path = root / rest.split(" ")[0].lstrip("/")
            if word == "env":
                name, _, value = rest.partition("=")
                env[name] = value
            elif word == "elf":
                path, *keys = rest.split(" ")
                elf(root, stubs, path, dict(key.split("=", 1) for key in keys))
            elif word == "text":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            elif word == "dir":
                path.mkdir(parents=True)
            elif word == "link":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(rest.split(" ")[1])
            elif word == "rm":
                path.unlink()
            elif word == "ldconfig":
                subprocess.run(["/usr/sbin/ldconfig", "-r", str(root)], check=True, capture_output=True)
                out.append("cache " + (root / "etc/ld.so.cache").read_bytes().hex())
        def enter():
            os.chroot(root)
            os.chdir("/")

        shown = subprocess.run(["/bin/prog"], text=True, capture_output=True, preexec_fn=enter,
                               env=env | {"LD_TRACE_LOADED_OBJECTS": "1"}).stdout
        for name, path in re.findall(r"^\s*(\S+) => (not found|\S+)", shown, re.M):
            out.append(f"{name} {path}")
        # Below the working folder, which is the root, it is shown by its name alone.
        out += [f"{name} /{name}" for name in re.findall(r"^\s*(lib\w+\.so\.1) \(", shown, re.M)]
        return out


def main():
    told, name, lines = [], None, []
    for line in (HERE / "cases.txt").read_text().splitlines() + ["case"]:
        if line.startswith("case"):
            if name:
                told += [f"case {name}", *tell(lines), ""]
            name, lines = line[5:], []
        elif line and not line.startswith("#"):
            lines.append(line)
    (HERE / "told.txt").write_text("\n".join(told))


main()
