#!/usr/bin/env python3
"""Holds the crate `envdiff-packaging` against PyPI's `packaging` 26.3 and pip 26.3 on random inputs.

    cargo build --release -p envdiff-packaging --example answer
    python3 fuzz/differential/packaging_differential.py target/release/examples/answer [--pairs 100000] [--seed 1]

It makes a virtual environment under target/ for the two packages (CPython 3.11 or newer; it needs the package index
once), asks both sides the same questions and prints what differs. Exit status 1 where anything does.

What is no difference: a path that pip refuses because it does not exist here (it may exist where the file was written).
"""
import argparse
import contextlib
import io
import itertools
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
WANTED = {"packaging": "26.3", "pip": "26.3"}


def in_environment():
    """Starts this script again with the interpreter that has the two packages."""
    if os.environ.get("ENVDIFF_DIFFERENTIAL") == "1":
        return
    home = os.path.join(HERE, "..", "..", "target", "differential")
    python = os.path.join(home, "bin", "python")
    if not os.path.exists(os.path.join(home, "ready")):
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", home])
        subprocess.check_call([python, "-m", "pip", "install", "--quiet"] + ["%s==%s" % p for p in WANTED.items()])
        open(os.path.join(home, "ready"), "w").close()
    os.execve(python, [python] + sys.argv, dict(os.environ, ENVDIFF_DIFFERENTIAL="1"))


NUMBERS = ["0", "1", "1", "2", "3", "10", "01", "2024", "18446744073709551616", "99999999999999999999", "9223372036854775808"]
SEPARATORS = ["", "", ".", "-", "_"]


def pick(*choices):
    return random.choice(choices)


def maybe(text, chance=0.3):
    return text if random.random() < chance else ""


def number():
    return random.choice(NUMBERS[:7] if random.random() < 0.95 else NUMBERS)


def release():
    return ".".join(number() for _ in range(random.choice([1, 2, 2, 2, 3, 3, 4])))


def version(local=True):
    out = maybe("v", 0.03) + maybe(number() + "!", 0.06) + release()
    out += maybe(pick(*SEPARATORS) + pick("a", "b", "rc", "c", "alpha", "beta", "pre", "preview", "RC") + pick(*SEPARATORS) + maybe(number(), 0.8), 0.25)
    out += maybe(pick("-" + number(), pick(*SEPARATORS) + pick("post", "rev", "r") + pick(*SEPARATORS) + maybe(number(), 0.8)), 0.2)
    out += maybe(pick(*SEPARATORS) + "dev" + pick(*SEPARATORS) + maybe(number(), 0.8), 0.2)
    if local:
        out += maybe("+" + pick("cu121", "cpu", "1", "01", "a.1", "A-b", "18446744073709551616"), 0.2)
    return out


NOISE = list(" \t.,;@#'\"()[]<>=!~$%{}/:+*\\_-aAvdr01é") + ["\n", "\r", "\x0b", "\x1c", "\x1f", "\x85", "\xa0", "\u2028", "ſ", "İ", "１", "\u0301", ".*", "===", "dev", "post", " in ", " not in ", "and", " or ", "\x00", "\ufeff"]


def mutate(text, chance=0.3):
    while random.random() < chance:
        at = random.randrange(len(text) + 1)
        action = random.random()
        if action < 0.5:
            text = text[:at] + random.choice(NOISE) + text[at:]
        elif action < 0.8:
            text = text[:at] + text[at + random.choice([1, 1, 2, 5]):]
        else:
            text = text[:at] + text[at:at + 4] + text[at:]
    return text


def specifier():
    op = pick("==", "==", "!=", "~=", "<=", ">=", "<", ">", "===")
    text = version(local=op in ("==", "!=", "===") or random.random() < 0.05)
    if op in ("==", "!=") and random.random() < 0.3 or random.random() < 0.02:
        text = maybe(number() + "!", 0.06) + release() + ".*"
    return op + pick("", "", "", " ", "  ", "\t", "\n") + text


def specifiers():
    count = random.choice([0, 1, 1, 1, 1, 2, 2, 3])
    return pick("", " ") + pick(",", ", ", " ,", ",,").join(specifier() for _ in range(count)) + maybe(",", 0.05)


VARIABLES = ["python_version", "python_full_version", "os_name", "sys_platform", "platform_release", "platform_system", "platform_version",
             "platform_machine", "platform_python_implementation", "implementation_name", "implementation_version", "extra",
             "os.name", "sys.platform", "platform.version", "platform.machine", "platform.python_implementation", "python_implementation",
             "extras", "dependency_groups"]
LITERALS = ["3.8", "3.10", "3.11", "3.*", "3.11.0", "3.9, 3.10", "linux", "win32", "posix", "x86_64", "CPython", "", "a b", "5.15.0-1051-nvidia", "6.1", "dev", "Dev_x",
            "#1 SMP", "os_name", "extra", "sys_platform", "3.11.9+", "abc", "\\x33.8", "\\n", "a\\", "\\u00e9", "é", ">=3"]


def operand():
    if random.random() < 0.5:
        return random.choice(VARIABLES)
    quote = pick("'", '"')
    return quote + random.choice(LITERALS) + quote


def comparison():
    left, right = operand(), operand()
    if random.random() < 0.8:
        left, right = random.choice(VARIABLES[:12]), pick("'", '"').join(["", random.choice(LITERALS), ""])
        if random.random() < 0.3:
            left, right = right, left
    op = pick("==", "!=", "<", "<=", ">", ">=", "~=", "===", "in", "not in", "not  in")
    blank = pick("", " ", " ", "  ") if op[0] not in "in" else pick(" ", " ", "  ", "")
    return left + blank + op + blank + right


def marker(depth=0):
    if depth > 3 or random.random() < 0.55:
        return comparison()
    if random.random() < 0.3:
        return pick("(", "( ") + marker(depth + 1) + pick(")", " )")
    return marker(depth + 1) + pick(" and ", " or ", " and ", " or ", "and ", " or") + marker(depth + 1)


def environment():
    return {"implementation_name": pick("cpython", "pypy"), "implementation_version": pick("3.11.9", "3.10.0rc2", "7.3.12", ""),
            "os_name": pick("posix", "nt"), "platform_machine": pick("x86_64", "aarch64", ""), "platform_release": pick("6.1.0", "5.15.0-1051-nvidia", "", "6.1"),
            "platform_system": pick("Linux", "Windows"), "platform_version": pick("#1 SMP", "10.0"), "python_full_version": pick("3.11.9", "3.11.9+", "3.10.0rc2"),
            "platform_python_implementation": pick("CPython", "PyPy"), "python_version": pick("3.11", "3.8", "3.10"), "sys_platform": pick("linux", "win32"),
            "extra": pick("", "dev", "Dev_X", "3.8")}


NAMES = ["torch", "Torch_Vision", "ruamel.yaml", "a", "A-b", "x_", "_x", "x-", "é", "requests", "a--b", "3"]
URLS = ["https://h.example/x-1.0-py3-none-any.whl", "https://u:p@h.example/x.zip#egg=y", "git+https://h.example/o/r.git@v1#egg=r&subdirectory=s",
        "git+ssh://git@h.example/o/r", "file:///w/x-1.0+cu-py3-none-any.whl#sha256=00", "file://host/x", "file:rel", "./l.whl", "../x", "nothing", "https://", "https://[x]/y",
        "hg+https://h/x@tip#egg=h", "FTP://h/x.tar.gz", "https://h.example/x%20y-1-py3-none-any.whl", "svn+svn://h/x", "https://h/a;b", "https://h/x[a]",
        "https://h/v1.zip#egg=a==1", "git+git@h:o/r.git#egg=x", "bzr+lp:x#egg=y", "https://h/a_b-2.0rc1-1-py3-none-any.whl?x=1#y", "HTTPS://H/x-1.0-py3-none-any.whl"]


def extras():
    return maybe("[" + pick(",", ", ", " ,", " ").join(pick("a", "B_c", "x.y", "z-", "") for _ in range(random.randrange(4))) + "]", 0.3)


def requirement():
    name = random.choice(NAMES) + pick("", " ") + extras() + pick("", " ")
    rest = random.random()
    if rest < 0.2:
        body = "@" + pick("", " ") + random.choice(URLS) + pick("", " ")
    elif rest < 0.35:
        body = "(" + specifiers() + ")"
    else:
        body = specifiers()
    return name + body + maybe(pick(";", " ; ", "; ") + marker(), 0.35)


PATHS = ["./x", ".", "..", "./x[a]", ".[dev]", "a/b", "/abs/x-1.0-py3-none-any.whl", "w/x-1.0-py3-none-any.whl", "x-1.0.tar.gz", "x.zip[a]", "./a b", "x-1-py3-none-any.whl[Ab]", "bad.whl",
         "./x==1", "../a/../b.tgz", "a@b.whl", "./a@b.whl", "x[[a]", "x[a b]", "x[A]", ".x"]
OPTIONS = ["--hash=sha256:00", "--hash sha512:11", "--hash=md5:00", "--hash=", "--config-settings a=b", "-C x", "-Ca=b", "--pre", "--prefer", "--no-binary :all:", "--no-binary=-x", "--only-b=a,b",
           "-i https://u:p@h/simple", "--index-url", "--extra-index-url https://h", "--user", "-U", "--require-hashes", "--require", "--re x", "--no-index", "--no-index=1", "-f ./x", "--find-links 'a b'",
           "--trusted-host h", "--use-feature fast-deps", "--use-feature nope", "--", "-", "-e", "-e .", "-e ./x[a]", "-e git+https://h/o/r#egg=r", "-e git+https://h/o/r", "-e file:///w/x#egg=q",
           "-e requests", "-e git:https://h/x#egg=y", "-e 'r @ git+https://h/o/r ; python_version>\"3\"'", "-e r@git+https://h/o/r", "--editable=svn+svn://h/x#egg=z", "-e https://h/x#egg=y", "-e FILE:///x",
           "-r other.txt", "-rother.txt", "-c limits.txt", "--requirement=other.txt", "-r absent.txt", "-c", "-r ./requirements.txt", "-r https://h/x.txt", "-r \"other.txt\"", "--all-releases x", "--only-final :none:", "\"x", "a\\"]
ENDS = ["\n"] * 8 + ["\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", " \\\n", "\\\n", "\\\n  ", "\\\r\n", "\n\n", "\\\\\n", "\\\n#c\n", " \\ \n"]
VALUES = {"HOST": "h.example", "PIN": "==1.0", "NAME_1": "torch", "EMPTY": "", "NEST": "${HOST}", "OPT": "--pre", "SPACE": "a b"}


def line():
    kind = random.random()
    if kind < 0.35:
        text = requirement()
    elif kind < 0.45:
        text = random.choice(URLS) + maybe(pick(";", "; ", " ; ") + comparison(), 0.3)
    elif kind < 0.55:
        text = random.choice(PATHS) + maybe(pick(";", "; ", " ; ") + comparison(), 0.2)
    elif kind < 0.75:
        text = random.choice(OPTIONS)
    elif kind < 0.8:
        text = "# " + requirement()
    else:
        text = requirement()
    if random.random() < 0.2:
        text += " " + " ".join(random.choice(OPTIONS) for _ in range(random.choice([1, 1, 2])))
    if random.random() < 0.1:
        at = random.randrange(len(text) + 1)
        text = text[:at] + "${%s}" % random.choice(list(VALUES) + ["UNSET", "lower", ""]) + text[at:]
    text += maybe(pick(" # c", "# c", "#c", " #"), 0.1)
    return pick("", "", "", "  ", "\t") + mutate(text, 0.2)


def some_lines(most):
    return "".join(line() + random.choice(ENDS) for _ in range(random.randrange(most)))


def encoded(text):
    kind = random.random()
    if kind < 0.85:
        return text.encode("utf-8", "replace")
    codec = pick("utf-16", "utf-32", "utf-8-sig", "utf-16-be", "latin-1", "cp1252", "ascii", "koi8-r", "iso-8859-15", "ISO_8859-9", "utf_8", "klingon", "gbk", "shift_jis", "windows-1250")
    try:
        if codec in ("utf-16", "utf-32", "utf-8-sig"):
            return text.encode(codec, "replace")
        return ("# -*- coding: %s -*-\n" % codec + text).encode(codec, "replace")
    except LookupError:
        return ("# coding=%s\n" % codec + text).encode("utf-8")


def questions(kind, count):
    for _ in range(count):
        if kind == "contains":
            yield {"kind": kind, "set": mutate(specifiers(), 0.05), "version": mutate(version(), 0.05)}
        elif kind == "order":
            yield {"kind": kind, "a": mutate(version(), 0.15), "b": mutate(version(), 0.15)}
        elif kind == "marker":
            yield {"kind": kind, "marker": mutate(marker(), 0.15), "environment": environment()}
        elif kind == "requirement":
            yield {"kind": kind, "text": mutate(requirement(), 0.2)}
        else:
            files = {"requirements.txt": encoded(some_lines(9))}
            files["other.txt"] = encoded(some_lines(3) + maybe("-r third/more.txt\n", 0.2))
            files["limits.txt"] = encoded(some_lines(4))
            files["third/more.txt"] = encoded(some_lines(3) + maybe("-r ../other.txt\n", 0.3) + maybe("-c ../limits.txt\n", 0.3))
            yield {"kind": kind, "files": {n: list(b) for n, b in files.items()}, "variables": VALUES}


class Theirs:
    """What `packaging` and pip answer."""

    def __init__(self):
        import packaging
        import pip
        for module in (packaging, pip):
            if module.__version__ != WANTED[module.__name__]:
                sys.exit("%s is %s, wanted is %s" % (module.__name__, module.__version__, WANTED[module.__name__]))
        from pip._internal.network.session import PipSession
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        sys.argv[0] = "pip"
        self.session = PipSession()
        self.folder = tempfile.mkdtemp(prefix="differential-")
        for name in list(os.environ):
            if re.fullmatch("[A-Z0-9_]+", name) and name not in ("PATH", "HOME", "TMPDIR"):
                del os.environ[name]
        os.environ["LC_ALL"] = "C.UTF-8"

    def contains(self, q):
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
        try:
            s = SpecifierSet(q["set"])
            return [str(s), s.contains(q["version"], prereleases=True), SpecifierSet(q["set"]).contains(q["version"], prereleases=False), s.prereleases is True]
        except (InvalidSpecifier, AssertionError):  # packaging asserts on letters that only match without case (ſ)
            return None

    def order(self, q):
        from packaging.utils import canonicalize_version
        from packaging.version import InvalidVersion, Version

        def read(text):
            try:
                return Version(text)
            except (InvalidVersion, ValueError):
                return None
        a, b = read(q["a"]), read(q["b"])
        normal = [v and [str(v), canonicalize_version(v), v.public] for v in (a, b)]
        return normal + [None if None in (a, b) else (a > b) - (a < b)]

    def marker(self, q):
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
        try:
            m = Marker(q["marker"])
            text = str(m)
        except (InvalidMarker, ValueError):
            return None
        try:
            return [text, "true" if m.evaluate(q["environment"]) else "false"]
        except UndefinedComparison:
            return [text, "comparison"]
        except UndefinedEnvironmentName:
            return [text, "name"]

    def requirement(self, q):
        from packaging.requirements import InvalidRequirement, Requirement
        try:
            return str(Requirement(q["text"]))
        except (InvalidRequirement, ValueError):
            return None

    def file(self, q):
        from pip._internal.req import req_file as rf
        os.chdir(self.folder)
        for name, content in q["files"].items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as fh:
                fh.write(bytes(content))
        for name, value in q["variables"].items():
            os.environ[name] = value
        out = {"entries": [], "options": [], "problems": []}
        self.walk(rf, os.path.join(self.folder, "requirements.txt"), False, [os.path.join(self.folder, "requirements.txt")], out)
        return out

    def relative(self, path):
        return os.path.relpath(path, self.folder)

    def walk(self, rf, path, constraint, seen, out):
        from pip._internal.exceptions import CommandError, InstallationError
        try:
            _, content = rf.get_file_content(path, self.session, constraint=constraint)
        except InstallationError:
            out["problems"].append("MissingInclude")
            return
        except UnicodeDecodeError:
            out["problems"].append("Undecodable")
            return
        except ValueError:  # a path that holds NUL
            out["problems"].append("MissingInclude")
            return
        except LookupError:
            out["problems"].append("UnknownEncoding")
            return
        for count, text in rf.preprocess(content):
            head = [self.relative(path), count, text, constraint]
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    args, opts = rf.get_line_parser(None)(text)
            except (rf.OptionParsingError, CommandError) as e:
                out["entries"].append({"head": head, "invalid": str(getattr(e, "msg", e))})
                continue
            parsed = rf.ParsedLine(path, count, args, opts, constraint)
            if parsed.requirement is not None:
                out["entries"].append(self.entry(rf, head, parsed))
                continue
            out["options"].append(head[:3])
            if opts.requirements or opts.constraints:
                inner = (opts.requirements or opts.constraints)[0]
                if rf.SCHEME_RE.search(inner):
                    out["problems"].append("NotFetched")
                    continue
                inner = os.path.abspath(os.path.join(os.path.dirname(path), inner))
                if inner in seen:
                    out["problems"].append("Cycle")
                elif os.path.isdir(inner):
                    out["problems"].append("MissingInclude")
                else:
                    self.walk(rf, inner, not opts.requirements, seen + [inner], out)

    def entry(self, rf, head, parsed):
        from pip._internal.req.constructors import install_req_from_parsed_requirement
        from pip._internal.req.req_install import check_invalid_constraint_type
        try:
            found = install_req_from_parsed_requirement(rf.handle_requirement_line(parsed))
            problem = check_invalid_constraint_type(found) if parsed.constraint else None
        except Exception as e:
            problem = str(e) or repr(e)
        if problem:
            return {"head": head, "invalid": problem, "asked": parsed.requirement}
        url = found.link.url if found.link else None
        path = bool(url) and url.startswith("file:") and (url.startswith("file://" + self.folder) or "file:" not in parsed.requirement.lower())
        return {"head": head, "path": path, "name": found.req.name if found.req else None, "specifier": str(found.req.specifier) if found.req else "",
                "extras": sorted(found.extras), "marker": str(found.markers) if found.markers else None, "url": None if path else url,
                "editable": parsed.is_editable, "hashes": [[a, d] for a, ds in (found.hash_options or {}).items() for d in ds]}


def differs(kind, ours, theirs):
    if kind != "file":
        return ours != theirs
    if ours.get("options") != theirs["options"] or ours.get("problems") != theirs["problems"] or len(ours["entries"]) != len(theirs["entries"]):
        return True
    for a, b in zip(ours["entries"], theirs["entries"]):
        if a["head"] != b["head"]:
            return True
        if "invalid" in a and "invalid" in b:
            continue
        if "invalid" in b and a.get("path") and not a["head"][3] and ("/" in b["asked"] or b["asked"].startswith(".")):
            continue  # a path of another machine
        if "invalid" in a or "invalid" in b:
            return True
        # hashes are grouped by algorithm there
        a, b = dict(a, hashes=sorted(map(tuple, a["hashes"]))), dict(b, hashes=sorted(map(tuple, b["hashes"])))
        if a != b:
            return True
    return False


def run(binary, kind, count, theirs):
    asked = list(questions(kind, count))
    with tempfile.TemporaryFile("w+") as fh:
        for q in asked:
            fh.write(json.dumps(q) + "\n")
        fh.seek(0)
        answers = subprocess.run([binary], stdin=fh, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[:-1]
    wrong = 0
    valid = lines = 0
    for q, answer in itertools.zip_longest(asked, answers):
        ours, expected = json.loads(answer), getattr(theirs, kind)(q)
        if kind == "file":
            lines += len(expected["entries"])
            valid += sum("invalid" not in e for e in expected["entries"])
        else:
            valid += expected not in (None, [None, None, None])
        if differs(kind, ours, expected):
            wrong += 1
            if wrong <= 12:
                if kind == "file":
                    q = {n: bytes(b) for n, b in q["files"].items()}
                    for key in ("options", "problems"):
                        if ours[key] != expected[key]:
                            print(" ", key, ours[key], "|", expected[key])
                    for a, b in itertools.zip_longest(ours["entries"], expected["entries"]):
                        if a is None or b is None or differs(kind, {"entries": [a], "options": [], "problems": []}, {"entries": [b], "options": [], "problems": []}):
                            print("   ours  ", a, "\n   theirs", b)
                            break
                    print("   in", q["requirements.txt"][:300])
                else:
                    print("  %s\n    ours   %s\n    theirs %s" % (json.dumps(q), ours, expected))
    print("%-12s %7d asked, %s%7d valid, %d differ" % (kind, count, "%d requirement lines, " % lines if lines else "", valid, wrong), flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--pairs", type=int, default=100000, help="versions by specifier sets; the other kinds follow from it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one kind: contains, order, marker, requirement, file")
    args = parser.parse_args()
    binary = os.path.abspath(args.binary)
    theirs = Theirs()
    wrong = 0
    for kind, share in (("contains", 1), ("order", 1), ("marker", 0.5), ("requirement", 0.5), ("file", 0.2)):
        if args.only in (None, kind):
            random.seed("%s %s" % (args.seed, kind))
            wrong += run(binary, kind, int(args.pairs * share), theirs)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    in_environment()
    main()
