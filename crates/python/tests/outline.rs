//! Which names a module has, by its source alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use envdiff_python::{
    Version,
    outline::{Has, Names, Why, names_bound},
    parse,
};

fn names(source: &str) -> Names {
    names_bound(&parse(source.as_bytes(), Version(3, 11)).unwrap())
}

#[test]
fn whatever_binds_in_whatever_branch() {
    let names = names(
        "import a.b, c as d\nfrom e import f, g as h\ntry:\n    import i\nexcept ImportError as no:\n    i = None\n\
         if j:\n    def k(): x1 = 1\nelse:\n    class l:\n        x2 = 1\nfor m, (*n, o.x3) in p: pass\nwith q as r: pass\n\
         while (s := t): pass\nu: int = 1\nx4: int\nv += 1\nmatch w:\n    case {'x': x, **y}: pass\n\
         def z():\n    if 1:\n        global declared\n[x5 for x5 in [(aa := 1)]]\n",
    );
    let bound: Vec<&str> = names.bound.keys().map(String::as_str).collect();
    let told = "a aa d declared f h i k l m n r s u v x y z";
    assert_eq!(bound, told.split(' ').collect::<Vec<_>>());
    assert_eq!(names.bound["i"].line, 4);
    assert_eq!((names.has("i"), names.has("x1"), names.has("__name__")), (Has::Yes, Has::No, Has::Yes));
}

#[test]
fn what_cannot_be_told() {
    let of = |source: &str| names(source).has("wanted");
    assert_eq!(of("other = 1\n"), Has::No);
    assert_eq!(of("def __getattr__(name): return name\n"), Has::Unknown(Why::GetAttr));
    assert_eq!(of("class A:\n    def __getattr__(self, name): pass\n"), Has::No);
    assert_eq!(of("globals()['wanted'] = 1\n"), Has::Unknown(Why::WritesItself));
    assert_eq!(of("for n in x:\n    globals().update({n: 1})\n"), Has::Unknown(Why::WritesItself));
    assert_eq!(of("import sys\nsys.modules[__name__] = Lazy()\n"), Has::Unknown(Why::WritesItself));
    assert_eq!(of("setattr(sys.modules[__name__], n, 1)\n"), Has::Unknown(Why::WritesItself));
    assert_eq!(of("from .inner import *\n"), Has::PerhapsByStar);
    assert_eq!(of("wanted = 1\ndel wanted\n"), Has::Unknown(Why::Deleted));
    assert_eq!(of("from .inner import *\nwanted = 1\n"), Has::Yes);
}

#[test]
fn stars_and_all() {
    let names = names(
        "from ..a.b import *\nif x:\n    from c import *\n__all__ = ['d'] + ['e']\n__all__ += ('f',)\n__all__.append('g')\n",
    );
    let stars: Vec<(u32, &str)> = names.stars.iter().map(|star| (star.level, star.module.as_str())).collect();
    assert_eq!(stars, [(2, "a.b"), (0, "c")]);
    assert_eq!(names.all.unwrap(), ["d", "e", "f", "g"]);
    for made in [
        "__all__ = [n for n in x]\n",
        "__all__ = ['a']\n__all__ += b.__all__\n",
        "if x:\n    __all__ = ['a']\n",
    ] {
        let names = self::names(made);
        assert_eq!((names.all, names.has_all), (None, true), "{made}");
    }
}
