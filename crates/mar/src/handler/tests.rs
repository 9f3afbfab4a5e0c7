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
