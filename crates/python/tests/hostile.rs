//! Source that nests without end: an answer comes out, and the stack holds, on a thread with the default size of Rust's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use envdiff_python::{Kind, Refusal, Version, limits, outline, parse};

/// On 2 MiB, with everything that recurses over the tree: dropping, cloning, comparing, printing, the outline.
fn read(source: String) -> Result<usize, Refusal> {
    let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        parse(source.as_bytes(), Version(3, 11)).map(|module| {
            let twin = module.clone();
            assert!(twin == module);
            let _names = outline::names_bound(&module);
            module.body.len()
        })
    });
    reader.unwrap().join().expect("no overflow, no panic")
}

#[test]
fn what_nests_without_end_is_refused() {
    let many = 100_000;
    let sources = [
        "(".repeat(many),
        "[".repeat(many) + &"]".repeat(many),
        "{".repeat(many),
        "f(".repeat(many),
        "-".repeat(many) + "1",
        "- ~ + not ".repeat(many) + "1",
        "not ".repeat(many) + "1",
        "a.".repeat(many) + "b",
        "a[0]".to_owned() + &"[0]".repeat(many),
        "a".to_owned() + &"()".repeat(many),
        "2 ** ".repeat(many) + "2",
        "lambda: ".repeat(many) + "1",
        "lambda a, b: ".repeat(many) + "1",
        "1 if a else ".repeat(many) + "1",
        "1if 1else ".repeat(many) + "1",
        "await ".repeat(many) + "1",
        "x = yield ".repeat(many) + "1",
        "*".repeat(many) + "a",
        "if a: ".repeat(many) + "pass",
        "async ".repeat(many) + "x",
        "@".repeat(many),
        "a: ".repeat(many),
        "f'{".repeat(many),
        "f'{a:".repeat(many),
        "f'{a:{b:".to_owned() + &"{c:".repeat(many),
        "f\"{'\" ".to_owned() + &"(".repeat(many),
        "'\n".to_owned() + &"((-".repeat(many),
        "match a:\n case ".to_owned() + &"[".repeat(many),
        "match ".repeat(many),
        "case ".repeat(many),
        "type ".repeat(many),
        "print ".repeat(many),
        "def f(a=".repeat(many),
        "class A(".repeat(many),
        "with (".repeat(many),
        "x[a:".repeat(many),
        "é.".repeat(many),
        "\\\n".repeat(many),
        "a = ".repeat(many),
        "try: ".repeat(many),
        "else: ".repeat(many),
        "lazy ".repeat(many),
        "del ".repeat(many),
        "from . import ".repeat(many),
        "for a in ".repeat(many),
        "[a for a in ".repeat(many),
        "import a as ".repeat(many),
        (0..1500).map(|depth| " ".repeat(depth) + "if a:\n").collect::<String>(),
    ];
    for source in sources {
        let shown: String = source.chars().take(20).collect();
        let refused = read(source).err();
        assert!(refused.is_some(), "{shown}");
    }
}

#[test]
fn what_is_as_deep_as_the_bound_is_dropped_without_overflow() {
    for one in ["-", "not ", "lambda: ", "1 if a else ", "2 ** "] {
        let deepest = one.repeat(limits::DEPTH - 3) + "1";
        assert_eq!(read(deepest), Ok(1), "{one}");
        let refused = read(one.repeat(limits::DEPTH + 1) + "1").unwrap_err();
        assert_eq!(refused.kind, Kind::TooDeep, "{one}");
    }
    for one in [".a", "[0]", "()"] {
        assert_eq!(read("a".to_owned() + &one.repeat(limits::DEPTH - 3)), Ok(1), "{one}");
    }
    let blocks: String = (0..99).map(|depth| " ".repeat(depth) + "def f():\n").collect();
    assert_eq!(read(blocks + &" ".repeat(99) + "pass\n"), Ok(1));
}

#[test]
fn long_chains_of_generated_code_are_read() {
    for op in [" + ", " or ", " and ", " | ", ", ", " < ", " is not ", " = "] {
        let source = format!("a{}\n", format!("{op}a").repeat(20_000));
        assert_eq!(read(source), Ok(1), "{op}");
    }
    let chain: String = (0..9_999).map(|n| format!("elif a == {n}:\n    b = {n}\n")).collect();
    assert_eq!(read(format!("if a:\n    pass\n{chain}else:\n    c = 1\n")), Ok(1));
    let table: String =
        (0..50_000).map(|n| format!("    'key{n}': [{n}, -{n}.5, x.y if z else w],\n")).collect();
    assert_eq!(read(format!("a = {{\n{table}}}\n")), Ok(1));
}

#[test]
fn the_bounds_are_cpythons_where_it_has_them() {
    let deep = |many: usize| "(".repeat(many) + &")".repeat(many);
    assert_eq!(read(deep(limits::BRACKETS)), Ok(1));
    assert_eq!(read(deep(limits::BRACKETS + 1)).unwrap_err().message, "too many nested parentheses");
    let large = read("#".repeat(limits::SOURCE + 1)).unwrap_err();
    assert_eq!(large.kind, Kind::TooLarge);
    assert!(!large.kind.is_certain());
    assert_eq!(read("#".repeat(limits::SOURCE)), Ok(0));
}
