//! What real releases of torch said of state dicts comes in; what is predicted of them must be that.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use envdiff_mar::weights::fits::{Expected, Fit, Model, load_state_dict};
use envdiff_mar::weights::shape::{Entries, Shape, Tensor};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    class: String,
    expected: Vec<(String, Vec<u64>)>,
    modules: Vec<String>,
    given: Option<Vec<(String, serde_json::Value)>>,
    strict: bool,
    versions: Vec<(String, i64)>,
    raised: Option<(String, String)>,
}

fn shape(value: &serde_json::Value) -> Shape {
    match value.as_str() {
        Some("int") => Shape::Int(1),
        Some("dict") => Shape::Dict(Entries::default()),
        Some("list") => Shape::List(1),
        Some(other) => panic!("{other}"),
        None => {
            let sizes = value.as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
            Shape::Tensor(Tensor {
                sizes: Some(sizes),
                dtype: Some("float32"),
                location: "cpu".to_owned(),
                parameter: false,
            })
        }
    }
}

fn check(file: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/weights/truth").join(file);
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for case in cases {
        let object = case.given.as_ref().map_or(Shape::List(1), |given| {
            let named = given.iter().map(|(key, value)| (key.clone(), shape(value))).collect();
            Shape::OrderedDict(Entries { named, others: 0, cut: false, versions: case.versions.clone() })
        });
        let expected =
            case.expected.into_iter().map(|(name, sizes)| Expected { name, shape: Some(sizes) }).collect();
        let mut model = Model { class: case.class, expected, modules: case.modules, complete: true };
        let says = match load_state_dict(&object, &model, case.strict) {
            Fit::Fits => None,
            Fit::Raises(raise) => Some((raise.exception.to_owned(), raise.text)),
            Fit::Unknown(reason) => panic!("{}: {reason}", case.name),
        };
        assert_eq!(says, case.raised, "{}", case.name);
        // What is not known whole is never said to lack anything.
        model.complete = false;
        if let Fit::Raises(raise) = load_state_dict(&object, &model, true) {
            assert!(!raise.text.contains("key(s)"), "{}: {}", case.name, raise.text);
        }
    }
}

#[test]
fn torch_1_13_says_the_same() {
    check("fits-1.13.json");
}

#[test]
fn torch_2_6_says_the_same() {
    check("fits-2.6.json");
}
