# What `envdiff --exec` has the image's own interpreter say: `python FLAGS -c THIS FLAGS`, on Python 2.7 and 3.
#
# Every question is answered in a process of its own, so that neither a crash nor an import of one touches another. Until a
# question itself imports something nothing is imported but built-in modules, which no file can hide. An answer is one line on
# the stdout that was there at the beginning; whatever prints while it is imported goes to stderr. The process that started
# ends, and takes the others with it where it is the first one of a container, when stdin ends or the time is over.
import posix
import sys
import time

SECONDS = 130
PIP_SECONDS = 30
PIP_BYTES = 1048576

flags = sys.argv[1:]
sys.argv = ["-c"]
# What `python -m` and a program in the working folder have: the folder written out.
if sys.path and sys.path[0] == "":
    sys.path[0] = posix.getcwd()
path_at_start = list(sys.path)
out = posix.dup(1)
posix.dup2(2, 1)


def raw(text):
    """A text as one character per byte, as the file system has it."""
    if isinstance(text, bytes):
        return text.decode("latin-1")
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except (LookupError, UnicodeError):
        return text.encode("utf-8", "backslashreplace").decode("latin-1")


def json(value):
    """ASCII, on one line."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([json(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([json(key) + ":" + json(item) for key, item in value.items()]) + "}"
    if isinstance(value, int):
        return "%d" % value
    letters = []
    for letter in raw(value if isinstance(value, (bytes, type(u""))) else str(value)):
        plain = " " <= letter <= "~" and letter not in '"\\'
        letters.append(str(letter) if plain else "\\u%04x" % ord(letter))
    return '"' + "".join(letters) + '"'


def say(question, **answer):
    answer["question"] = question
    line = ("\n\x1eenvdiff " + json(answer) + "\n").encode("ascii")
    while line:
        line = line[posix.write(out, line):]


def words(error):
    """An exception as its traceback's last line has it."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return (type(error).__name__ + (": " + text if text else ""))[:4000]


def distributions():
    try:
        try:
            from importlib import metadata
        except ImportError:
            import importlib_metadata as metadata
    except ImportError:
        import pkg_resources

        found = [(d.project_name, d.version) for d in pkg_resources.WorkingSet()]
        return say("distributions", answer=found, by="pkg_resources")
    found = []
    for distribution in metadata.distributions():
        pair = []
        for ask in (lambda: distribution.metadata["Name"], lambda: distribution.version):
            try:
                pair.append(ask())
            except Exception:
                pair.append(None)
        found.append(pair)
    say("distributions", answer=found, by=metadata.__name__)


def freeze():
    if not sys.executable:
        return say("freeze", error="sys.executable is empty")
    read, write = posix.pipe()
    pip = posix.fork()
    if pip == 0:
        posix.dup2(write, 1)
        for descriptor in (read, write, out):
            posix.close(descriptor)
        environment = dict(posix.environ)
        for name in ("PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_INPUT"):
            environment[name.encode("ascii")] = b"1"
        command = [sys.executable] + flags + ["-m", "pip", "freeze", "--all"]
        posix.execve(sys.executable, command, environment)
    posix.close(write)
    timer = posix.fork()
    if timer == 0:
        time.sleep(PIP_SECONDS)
        posix.kill(pip, 9)
        posix._exit(0)
    text = b""
    while len(text) < PIP_BYTES:
        part = posix.read(read, 65536)
        if not part:
            break
        text += part
    posix.close(read)
    status = posix.waitpid(pip, 0)[1]
    posix.kill(timer, 9)
    if len(text) >= PIP_BYTES:
        say("freeze", error="it printed more than 1 MiB")
    elif posix.WIFSIGNALED(status):
        say("freeze", error="pip was ended by signal %d, at most %d s after it began" % (posix.WTERMSIG(status), PIP_SECONDS))
    elif status:
        say("freeze", error="`python -m pip freeze --all` ended with %d" % posix.WEXITSTATUS(status))
    else:
        say("freeze", answer=text.splitlines())


def version_of(module):
    found = getattr(module, "__version__", None)
    return None if found is None else str(found)


def torch():
    try:
        import torch
    except ImportError as error:
        absent = getattr(error, "name", None) == "torch" or str(error) == "No module named torch"
        return say("torch", answer=None) if absent else say("torch", raised=words(error))
    except BaseException as error:
        return say("torch", raised=words(error))
    if version_of(torch) is None or not hasattr(torch, "version"):
        place = getattr(torch, "__file__", None) or getattr(torch, "__path__", None)
        return say("torch", error="what is imported as torch has no torch.version: " + str(place)[:4000])

    def guarded(ask):
        try:
            return ask()
        except Exception:
            return None

    def nccl():
        number = torch.cuda.nccl.version()
        if isinstance(number, int):
            # 2708 and 21003 are how NCCL itself writes 2.7.8 and 2.10.3.
            major = 1000 if number < 10000 else 10000
            number = (number // major, number % major // 100, number % 100)
        return ".".join([str(part) for part in number[:3]])

    said = {
        "version": version_of(torch),
        "cuda": guarded(lambda: torch.version.cuda),
        "hip": guarded(lambda: torch.version.hip),
        "cudnn": guarded(lambda: torch.backends.cudnn.version()),
        "nccl": guarded(nccl),
        "architectures": (guarded(lambda: torch._C._cuda_getArchFlags()) or "").split(),
    }
    say("torch", answer=said)
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = bool(guarded(lambda: torch.cuda.is_available()))
        gpus, why = [], []
        try:
            for index in range(torch.cuda.device_count() if available else 0):
                capability = torch.cuda.get_device_capability(index)
                name = torch.cuda.get_device_name(index)
                gpus.append([name, "%d.%d" % tuple(capability[:2])])
        except Exception as error:
            why.append(words(error))
        if not available and said["cuda"]:
            # `is_available` swallows what this one says.
            try:
                torch.cuda.init()
            except Exception as error:
                why.append(words(error))
    told = [str(warning.message)[:4000] for warning in caught][:100]
    say("gpus", answer={"available": available, "gpus": gpus, "warnings": told + why})


def child(work, keeps_stdin=False):
    pid = posix.fork()
    if pid:
        return pid
    status = 1
    try:
        if not keeps_stdin:
            posix.dup2(posix.open("/dev/null", posix.O_RDONLY), 0)
        work()
        status = 0
    finally:
        posix._exit(status)


def ask(work):
    def answer():
        posix.setpgid(0, 0)
        try:
            work()
        except BaseException as error:
            say(work.__name__, error=words(error))

    return child(answer)


def until_stdin_ends():
    while posix.read(0, 4096):
        pass


def main():
    say("begin", answer=None)
    say("python", answer=sys.version.split()[0])
    say("sys_path", answer=path_at_start)
    stdin = child(until_stdin_ends, keeps_stdin=True)
    timer = child(lambda: time.sleep(SECONDS))
    for work in (distributions, freeze, torch):
        asked = ask(work)
        while True:
            pid, status = posix.waitpid(-1, 0)
            if pid in (stdin, timer):
                for rest in (-asked, asked, stdin, timer):
                    try:
                        posix.kill(rest, 9)
                    except OSError:
                        pass
                posix._exit(1)
            if pid == asked:
                break
        if posix.WIFSIGNALED(status):
            say(work.__name__, error="it was ended by signal %d" % posix.WTERMSIG(status))
        elif status:
            say(work.__name__, error="it ended with status %d" % posix.WEXITSTATUS(status))
    say("end", answer=None)
    for pid in (stdin, timer):
        posix.kill(pid, 9)
    posix._exit(0)


main()
