//! Small handlers go in; the error that ends their import, or that there is none, comes out as CPython 3.11 says it. What they do stands
//! at module level, where no image is needed to follow it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::load;
use super::world::World;
use crate::container::Archive;
use crate::version::Version;

/// What a handler's code ends in, `None` where it is followed through; `lost` where that cannot be told.
fn end(code: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let handler = format!("{code}\n\ndef handle(data, context):\n    return None\n");
    std::fs::write(folder.path().join("entry.py"), handler).unwrap();
    std::fs::write(folder.path().join("labels.json"), "{\"0\": \"no\"}").unwrap();
    std::fs::write(folder.path().join("conf.yaml"), "threshold: 0.5\n").unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    let contents = archive.unpack(Version::NEWEST, false).facts;
    let mut world = World::new(&contents, None);
    world.python = Some((3, 11));
    world.python_full = Some((3, 11, 7));
    let course = load(&mut world, "entry.py", None).unwrap();
    if let Some((_, why)) = course.lost {
        return Some(format!("lost: {why}"));
    }
    if let Some((_, raised)) = course.perhaps.first() {
        return Some(format!("perhaps {}", raised.class));
    }
    if let Some((_, blind)) = course.blind.first() {
        return Some(format!("blind: {}", blind.what));
    }
    course.end.map(|(_, raised)| raised.class.to_string())
}

/// Each handler's code with how it ends.
fn all(cases: &[(&str, Option<&str>)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(code, wanted)| {
            let ours = end(code);
            (ours.as_deref() != *wanted).then(|| format!("{code}\n  {ours:?}, Python: {wanted:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_of_pythons_own() {
    all(&[
        ("import os.path as osp\nX = osp.join('a', 'b')", None),
        ("from collections import Mapping", Some("ImportError")),
        ("from typing import Self, Literal", None),
        ("from typing import override", Some("ImportError")),
    ]);
}

#[test]
fn context_managers_that_swallow() {
    let quiet = "from contextlib import contextmanager\n@contextmanager\ndef quiet():\n    try:\n        yield\n    except KeyError:\n        pass\n";
    let timed = "from contextlib import contextmanager\n@contextmanager\ndef timed():\n    try:\n        yield 1\n    finally:\n        print()\n";
    let class = "class Quiet:\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        return True\n";
    let open = "class Open:\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        print(a)\n";
    let cases = [
        (format!("{quiet}with quiet():\n    X = {{}}['k']\n"), Some("perhaps KeyError")),
        (format!("{quiet}with quiet():\n    X = 1\n"), None),
        (format!("{timed}with timed():\n    X = {{}}['k']\n"), Some("KeyError")),
        (format!("{class}with Quiet():\n    X = {{}}['k']\n"), Some("perhaps KeyError")),
        (format!("{open}with Open():\n    X = {{}}['k']\n"), Some("KeyError")),
    ];
    let cases: Vec<(&str, Option<&str>)> = cases.iter().map(|(code, end)| (code.as_str(), *end)).collect();
    all(&cases);
}

#[test]
fn classes() {
    all(&[
        ("from dataclasses import dataclass\n@dataclass\nclass C:\n    a: list = []", Some("ValueError")),
        (
            "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    a: list = field(default_factory=list)",
            None,
        ),
        ("class A: pass\nclass B(A): pass\nclass C(A, B): pass", Some("TypeError")),
        ("class A: pass\nclass B(A): pass\nclass C(B, A): pass", None),
        ("class C:\n    @property\n    def x(self):\n        return 1\nC().x = 2", Some("AttributeError")),
        (
            "class C:\n    @property\n    def x(self):\n        return 1\n    @x.setter\n    def x(self, v):\n        pass\nC().x = 2",
            None,
        ),
        (
            "from functools import cached_property\nclass C:\n    @cached_property\n    def x(self):\n        return 1\nc = C()\nc.x = 2\nassert c.x == 2",
            None,
        ),
        ("from enum import Enum\nclass K(Enum):\n    A = 'a'\nK('a')", None),
        ("from enum import Enum\nclass K(Enum):\n    A = 'a'\nK('b')", Some("ValueError")),
        ("import types\nn = types.SimpleNamespace(a=1)\nX = n.a\nX = n.b", Some("AttributeError")),
    ]);
}

#[test]
fn files_of_the_archive() {
    all(&[
        ("from pathlib import Path\nX = list(Path('.').glob('*.json'))[0].read_text()", None),
        ("from pathlib import Path\nX = list(Path('.').glob('*.bin'))[0]", Some("IndexError")),
        (
            "from pathlib import Path\nX = next(p for p in Path('.').iterdir() if p.suffix == '.onnx')",
            Some("StopIteration"),
        ),
        ("import glob, os\nX = glob.glob(os.path.join(os.getcwd(), '*.onnx'))[0]", Some("IndexError")),
        ("import gzip\nX = gzip.open('x.gz')", Some("FileNotFoundError")),
        ("import shutil\nshutil.copy('x.bin', '/tmp/x.bin')", Some("FileNotFoundError")),
        ("import os\nos.mkdir('data')", Some("FileExistsError")),
        ("import os\nos.makedirs('data', exist_ok=True)\nos.makedirs('more')", None),
        ("import yaml\nX = yaml.safe_load(open('conf.yaml'))['threshold']", None),
    ]);
}

#[test]
fn plain_values() {
    all(&[
        ("a, *b = 'x,y,z'.split(',')\nassert b == ['y', 'z']", None),
        ("a, b, *c = ['x']", Some("ValueError")),
        ("if {'a', 'b'} - set({'a': 1, 'b': 2}):\n    raise ValueError", None),
        ("if {'a', 'c'} - set({'a': 1}):\n    raise ValueError", Some("ValueError")),
        ("import functools\nassert functools.reduce(lambda a, b: a + b, [1, 2, 3]) == 6", None),
        ("X = {'a': 1} | {'b': 2}\nX['b']\nX['c']", Some("KeyError")),
        ("if not isinstance(None, (int, type(None))):\n    raise TypeError", None),
    ]);
}

#[test]
fn matches() {
    let sized = |subject: &str, rest: &str| {
        format!(
            "match {subject}:\n    case 'small' | 'tiny':\n        n = 1\n    case 'large':\n        n = 2\n{rest}X = n"
        )
    };
    let other = "    case _:\n        raise ValueError('size')\n";
    let cases = [
        (sized("'small'", ""), None),
        (sized("'tiny'", other), None),
        (sized("'huge'", ""), Some("NameError")),
        (sized("'huge'", other), Some("ValueError")),
        ("match None:\n    case None:\n        X = 1\nX".to_owned(), None),
        (
            "match 3:\n    case n if n > 2:\n        X = n\n    case _:\n        raise KeyError\nX"
                .to_owned(),
            None,
        ),
        (
            "match 1:\n    case n if n > 2:\n        X = n\n    case _:\n        raise KeyError\nX"
                .to_owned(),
            Some("KeyError"),
        ),
        (
            "match {'a': 1}:\n    case {'a': a}:\n        X = a\n    case _:\n        raise KeyError\nX"
                .to_owned(),
            Some("perhaps KeyError"),
        ),
    ];
    let cases: Vec<(&str, Option<&str>)> = cases.iter().map(|(code, end)| (code.as_str(), *end)).collect();
    all(&cases);
}

#[test]
fn texts() {
    all(&[
        ("X = '{a}-{b}'.format(a=1, b=2)", None),
        ("X = '{a}-{b}'.format(a=1)", Some("KeyError")),
        ("X = '{}-{}'.format(1)", Some("IndexError")),
        ("X = '{0}-{0}'.format(1)", None),
        ("X = '{a[0]}'.format(a=[1])", None),
        ("X = '{}-{}'.format(*[1, 2])", None),
        ("import json\nX = json.dumps({'a': [1, (2, None)]})", None),
        ("import json\nX = json.dumps({'a': {1, 2}})", Some("TypeError")),
        ("import json\nX = json.dumps({'a': {1, 2}}, default=list)", None),
    ]);
}

#[test]
fn names_of_a_function() {
    all(&[
        ("n = 1\ndef f():\n    n = n + 1\nf()", Some("UnboundLocalError")),
        ("n = 1\ndef f():\n    global n\n    n = n + 1\nf()", None),
        ("n = 1\ndef f():\n    if n:\n        m = 1\n    return m\nf()", None),
        ("n = 0\ndef f():\n    if n:\n        m = 1\n    return m\nf()", Some("UnboundLocalError")),
        ("def f():\n    for n in []:\n        m = n\n    return m\nf()", Some("UnboundLocalError")),
        (
            "def f():\n    try:\n        m = {}['k']\n    except KeyError:\n        pass\n    return m\nf()",
            Some("UnboundLocalError"),
        ),
        (
            "def f():\n    try:\n        m = {}['k']\n    except KeyError:\n        m = 1\n    return m\nf()",
            None,
        ),
        (
            "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    return g()\nf()",
            None,
        ),
        ("def f():\n    n = 1\n    def g():\n        n += 1\n    return g()\nf()", Some("UnboundLocalError")),
        ("def f():\n    return [n for n in [1]][0]\nf()", None),
        ("def f(a, *b, c=1, **d):\n    a, b, c, d = d, c, b, a\n    return a\nf(1)", None),
        ("def f():\n    with open('labels.json') as g:\n        m = g.read()\n    return m\nf()", None),
        ("def f():\n    while True:\n        m = 1\n        break\n    return m\nf()", None),
        ("def f():\n    m: int\n    return m\nf()", Some("UnboundLocalError")),
        ("def f():\n    m = 1\n    del m\n    return m\nf()", Some("UnboundLocalError")),
    ]);
}

/// All of this runs through in CPython 3.11: what is not followed there may not become an error.
#[test]
fn what_runs_through_is_never_an_error() {
    let cases = [
        "import threading\nS = {}\ndef fill():\n    S['a'] = 1\nt = threading.Thread(target=fill)\nt.start()\nt.join()\nS['a']",
        "import threading\nclass W(threading.Thread):\n    out = None\n    def run(self):\n        self.out = {'a': 1}\nw = W()\nw.start()\nw.join()\nw.out['a']",
        "import re\nS = {}\ndef sub(m):\n    S['x'] = m\n    return ''\nre.sub('a', sub, 'a')\nS['x']",
        "import asyncio\nclass A:\n    async def go(self):\n        self.v = 1\na = A()\nasyncio.run(a.go())\na.v",
        "class P:\n    def __init__(self, **kw):\n        self.__dict__.update(kw)\nP(width=3).width",
        "class P:\n    pass\np = P()\nvars(p)['w'] = 3\np.w",
        "import json\nfrom types import SimpleNamespace\njson.loads('{\"a\": {\"b\": 1}}', object_hook=lambda d: SimpleNamespace(**d)).a.b",
        "import copy\nB = {'a': {'x': 1}}\nC = copy.deepcopy(B)\nC['a'].pop('x')\nB['a']['x']",
        "import functools\n@functools.cache\ndef conf():\n    return {}\nconf()['k'] = 3\nconf()['k']",
        "import functools\nclass A:\n    @functools.cached_property\n    def d(self):\n        return {}\na = A()\na.d['k'] = 1\na.d['k']",
        "from enum import Enum\nclass P(Enum):\n    INT8 = 8\n    A = 1\nP['INT8'].value + 1\n{P.INT8: 1}[P['INT8']]\nassert P(8) is P.INT8\nassert [p.name for p in P] == ['INT8', 'A']",
        "class Entry:\n    def __init__(self):\n        self.__path = 'x'\nEntry()._Entry__path",
        "class A:\n    def run(self):\n        return self.__go()\n    def __go(self):\n        return [self.__one(x) for x in (1, 2)]\n    def __one(self, x, /, __y=1):\n        return (lambda: self.__two(__y))()\n    def __two(self, y):\n        return y\nclass B(A):\n    def __go(self):\n        raise ValueError('never called')\nB().run()",
        "if any((name := f).endswith('.pt') for f in ['a.txt', 'm.pt']):\n    X = name",
        "class B:\n    @property\n    def path(self):\n        return self._path\n    @path.setter\n    def path(self, x):\n        self._path = [x]\nb = B()\nb.path = 'x'\nb._path.append('y')",
        "R = {}\nclass Base:\n    def __init_subclass__(cls, key=None, **kw):\n        R[key] = cls\nclass C(Base, key='c'):\n    pass\nR['c']",
        "class F:\n    def __set_name__(self, owner, name):\n        self.name = name\nclass C:\n    f = F()\nC.__dict__['f'].name\nC.f.name",
        "class M(type):\n    R = {}\n    def __new__(m, name, bases, ns):\n        c = super().__new__(m, name, bases, ns)\n        M.R[name] = c\n        return c\n    def make(cls):\n        return cls()\nclass A(metaclass=M):\n    pass\nA.make()\nM.R['A']",
        "import abc\nclass Base(abc.ABC):\n    pass\n@Base.register\nclass X:\n    pass\nif not isinstance(X(), Base) or not issubclass(X, Base):\n    raise TypeError",
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def load(self): ...\nclass X:\n    def load(self):\n        pass\nif not isinstance(X(), P):\n    raise TypeError",
        "from dataclasses import dataclass, replace, KW_ONLY\n@dataclass\nclass A:\n    x: int = 1\n@dataclass(kw_only=True)\nclass B(A):\n    y: int\nB(y=2)\n@dataclass\nclass C:\n    a: int\n    _: KW_ONLY\n    b: int = 1\nassert replace(C(1), a=4).a == 4",
        "from functools import singledispatch\n@singledispatch\ndef f(x):\n    raise TypeError\n@f.register\ndef _(x: int):\n    return 1\nf(3)",
        "try:\n    raise ExceptionGroup('g', [ValueError('a')])\nexcept* ValueError:\n    pass",
        "import os\nos.chdir('data')\nopen('../labels.json')",
        "import sys, types\nsys.modules['made_here'] = types.ModuleType('made_here')\nimport made_here",
        "ns = {}\nexec('BATCH = 3', ns)\nns['BATCH']\nexec('X = 3')\nX",
    ];
    for code in cases {
        let found = end(code);
        let is_told = found.as_deref().is_none_or(|end| end.contains(':') || end.starts_with("perhaps "));
        assert!(is_told, "{code}\n  {found:?}");
    }
}
