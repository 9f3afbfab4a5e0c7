//! Expressions that the C evaluator was asked about come in, with its answers; the same answers must come out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "tests")]

use envdiff_facts::require::{
    Collected, Host, Malformed, Outcome, Property, Told, collect, go_boolean, parse,
};
use envdiff_facts::{Capability, CudaVersion, DriverVersion};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vector: Vec<Vector>,
    real: Vec<Real>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    cuda: String,
    driver: String,
    arch: String,
    brand: String,
    expression: String,
    result: String,
    note: Option<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Real {
    image: String,
    value: String,
    length: usize,
    source: String,
}

fn file() -> File {
    toml::from_str(include_str!("nvidia_require_vectors.toml")).unwrap()
}

fn told<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Told<T> {
    if text.is_empty() { Told::Assumed } else { Told::Is(read(text).unwrap()) }
}

fn host<'a>(cuda: &str, driver: &str, arch: &str, brand: &'a str) -> Host<'a> {
    Host {
        cuda: told(cuda, CudaVersion::parse),
        driver: told(driver, DriverVersion::parse),
        arch: told(arch, Capability::parse),
        brand: if brand.is_empty() { Told::Assumed } else { Told::Is(brand) },
    }
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Satisfied => "satisfied",
        Outcome::Unsatisfied { .. } => "unsatisfied",
        Outcome::Malformed { .. } => "syntax-error",
        Outcome::Unknown { .. } => "unknown",
    }
}

#[test]
fn as_the_c_evaluator_says() {
    let file = file();
    assert_eq!(file.vector.len(), 71);
    for row in &file.vector {
        assert!(!row.source.is_empty());
        let outcome = parse(&row.expression).evaluate(&host(&row.cuda, &row.driver, &row.arch, &row.brand));
        assert_eq!(word(&outcome), row.result, "{:?} ({:?})", row.expression, row.note);
        if let Outcome::Unsatisfied { factor } | Outcome::Malformed { factor, .. } = outcome {
            let text = &row.expression[factor];
            assert!(!text.is_empty() && !text.contains([' ', ',']), "{text:?}");
        }
    }
}

/// What is known only in part must be what every completion of it is, else unknown.
#[test]
fn an_unknown_is_what_all_its_values_are() {
    for row in file().vector {
        let requirement = parse(&row.expression);
        let full = host(&row.cuda, &row.driver, &row.arch, &row.brand);
        for mask in 1_u8..16 {
            let mut part = full;
            if mask & 1 != 0 {
                part.cuda = Told::Unknown;
            }
            if mask & 2 != 0 {
                part.driver = Told::Unknown;
            }
            if mask & 4 != 0 {
                part.arch = Told::Unknown;
            }
            if mask & 8 != 0 {
                part.brand = Told::Unknown;
            }
            let (less, more) = (requirement.evaluate(&part), requirement.evaluate(&full));
            if let Outcome::Unknown { missing } = &less {
                assert!(!missing.is_empty());
            } else if !row.cuda.is_empty() && !row.arch.is_empty() {
                // "Refused in any case" may turn out as either kind of refusal.
                let refused =
                    matches!(less, Outcome::Unsatisfied { .. }) && matches!(more, Outcome::Malformed { .. });
                assert!(
                    refused || word(&less) == word(&more),
                    "{:?} {mask}: {less:?} {more:?}",
                    row.expression
                );
            }
        }
    }
}

#[test]
fn three_values() {
    let cuda = host("12.2", "535.104.05", "8.0", "Nvidia");
    let partly = Host { brand: Told::Unknown, arch: Told::Unknown, ..cuda };
    for (expression, outcome) in [
        ("cuda>=12.4,brand=tesla", "unsatisfied"),
        ("brand=tesla,cuda>=12.4", "unsatisfied"),
        ("cuda>=12.2 brand=tesla", "satisfied"),
        ("brand=tesla cuda>=12.2", "satisfied"),
        ("brand=tesla cuda>=12.4", "unknown"),
        ("brand=tesla,cuda>=12.2", "unknown"),
        // A syntax error if it is a Tesla, not met if it is none: refused in any case.
        ("brand=tesla,jetpack>=5", "unsatisfied"),
        ("brand=tesla,jetpack>=5 cuda>=99", "unsatisfied"),
        ("brand=tesla,jetpack>=5 cuda>=12.2", "unknown"),
        ("brand>tesla", "syntax-error"),
        ("arch>=x", "syntax-error"),
        ("brand=tesla , cuda>=12.2", "unknown"),
        ("brand=tesla,cuda>=99 ,", "unsatisfied"),
        ("", "satisfied"),
        (",", "satisfied"),
    ] {
        assert_eq!(word(&parse(expression).evaluate(&partly)), outcome, "{expression:?}");
    }
    let both = parse("arch>=7.5,brand=tesla arch=8.0").evaluate(&partly);
    assert_eq!(both, Outcome::Unknown { missing: vec![Property::Arch, Property::Brand] });
    assert_eq!(
        parse("brand=tesla,cuda>=99 arch=8.0,driver<470").evaluate(&partly),
        Outcome::Unsatisfied { factor: 30..40 }
    );
}

#[test]
fn faults_have_their_places() {
    let requirement = parse("cuda>=12.0 jetpack>=5,arch==8  brand<tesla");
    let faults: Vec<_> =
        requirement.faults().map(|(span, why)| (&requirement.text[span.clone()], why)).collect();
    assert_eq!(
        faults,
        [
            ("jetpack>=5", Malformed::UnknownName),
            ("arch==8", Malformed::UnknownOperator),
            ("brand<tesla", Malformed::NoOrder)
        ]
    );
    for (expression, why) in [
        ("cuda", Malformed::NoOperator),
        (">=12.4", Malformed::NoName),
        ("cuda>=", Malformed::NoValue),
        ("cuda>=12.x", Malformed::NotAVersion),
        ("driver&lt;471", Malformed::NoOperator),
        ("cuda>=18446744073709551616", Malformed::NotAVersion),
    ] {
        assert_eq!(
            parse(expression).evaluate(&host("12.4", "550.54.15", "8.0", "Nvidia")),
            Outcome::Malformed { factor: 0..expression.len(), why },
            "{expression}"
        );
    }
}

#[test]
fn real_values_have_no_fault() {
    for row in file().real {
        assert_eq!(row.value.len(), row.length, "{} {}", row.image, row.source);
        let requirement = parse(&row.value);
        assert_eq!(requirement.faults().count(), 0, "{}", row.image);
        assert!(requirement.named_in_message().starts_with("cuda>="), "{}", row.image);
        let spelled: Vec<&str> =
            requirement.alternatives.iter().map(|a| &row.value[a.span.clone()]).collect();
        assert_eq!(spelled.join(" "), row.value);
    }
}

#[test]
fn what_is_collected() {
    let told = |environment: &[(&'static str, &'static str)]| match collect(environment.iter().copied()) {
        Collected::Disabled => "disabled".to_owned(),
        Collected::UnreadableCudaVersion(text) => format!("unreadable {text}"),
        Collected::Requirements(found) => {
            found.iter().map(|(_, value)| value.as_ref()).collect::<Vec<_>>().join(" & ")
        }
    };
    for (environment, expected) in [
        (&[("NVIDIA_REQUIRE_CUDA", "cuda>=11.6")][..], "cuda>=11.6"),
        (
            &[("NVIDIA_REQUIRE_CUDA", "cuda>=11.6"), ("NVIDIA_REQUIRE_BRAND", "brand=tesla")],
            "cuda>=11.6 & brand=tesla",
        ),
        (&[("CUDA_VERSION", "11.6")], "cuda>=11.6"),
        (&[("CUDA_VERSION", "11.6"), ("NVIDIA_REQUIRE_BRAND", "brand=tesla")], "cuda>=11.6 & brand=tesla"),
        (&[("CUDA_VERSION", "12.1.1"), ("NVIDIA_REQUIRE_CUDA", "cuda>=11.0")], "cuda>=11.0"),
        (&[("NVIDIA_REQUIRE_JETPACK", "csv-mounts=all")], ""),
        (&[("NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS", "x")], ""),
        (&[("NVIDIA_REQUIRE_CUDA", "cuda>=11.6"), ("NVIDIA_DISABLE_REQUIRE", "true")], "disabled"),
        (&[("CUDA_VERSION", "11.6"), ("NVIDIA_DISABLE_REQUIRE", "1")], "disabled"),
        (&[("NVIDIA_REQUIRE_CUDA", "cuda>=99"), ("NVIDIA_DISABLE_REQUIRE", "yes")], "cuda>=99"),
        (&[("NVIDIA_REQUIRE_CUDA", "cuda>=99"), ("NVIDIA_DISABLE_REQUIRES", "1")], "cuda>=99"),
        (
            &[("NVIDIA_DISABLE_REQUIRE", "1"), ("CUDA_VERSION", "11"), ("NVIDIA_DISABLE_REQUIRE", "0")],
            "cuda>=11.0",
        ),
        (&[("CUDA_VERSION", "12.1"), ("NVIDIA_REQUIRE_CUDA", "")], "cuda>=12.1 & "),
        (&[("CUDA_VERSION", "")], ""),
        (&[("CUDA_VERSION", "8")], "cuda>=8.0"),
        (&[("CUDA_VERSION", "7.5")], "cuda>=7.5"),
        (&[("CUDA_VERSION", "9.0.116")], "cuda>=9.0"),
        (&[("CUDA_VERSION", "v11.6")], "cuda>=11.6"),
        (&[("CUDA_VERSION", "11.6.1-rc.1+b01")], "cuda>=11.6"),
        (&[("CUDA_VERSION", "9.0.116.50")], "unreadable 9.0.116.50"),
        (&[("CUDA_VERSION", "foo")], "unreadable foo"),
        (&[("CUDA_VERSION", "9.")], "unreadable 9."),
        (&[("CUDA_VERSION", "11.06")], "unreadable 11.06"),
        (&[("CUDA_VERSION", "11-rc1")], "unreadable 11-rc1"),
        (&[("CUDA_VERSION", "11.6.1-01")], "unreadable 11.6.1-01"),
        (&[("CUDA_VERSION", "4294967296.0")], "unreadable 4294967296.0"),
        (&[("CUDA_VERSION", "foo"), ("NVIDIA_DISABLE_REQUIRE", "T")], "disabled"),
        (&[], ""),
    ] {
        assert_eq!(told(environment), expected, "{environment:?}");
    }
    for (text, value) in
        [("1", Some(true)), ("True", Some(true)), ("F", Some(false)), ("on", None), ("", None)]
    {
        assert_eq!(go_boolean(text), value, "{text}");
    }
}

proptest! {
    #[test]
    fn every_text_is_read(text in "[cudadrivebnh<>=!., 0-9é\t]{0,40}", other in any::<String>()) {
        for text in [text, other] {
            let requirement = parse(&text);
            for alternative in &requirement.alternatives {
                prop_assert!(text.get(alternative.span.clone()).is_some());
                for factor in &alternative.factors {
                    prop_assert!(text.get(factor.span.clone()).is_some());
                }
            }
            let full = host("12.2", "535.104.05", "8.0", "Nvidia");
            prop_assert!(word(&requirement.evaluate(&full)) != "unknown");
            let _ = requirement.evaluate(&Host::UNKNOWN);
            let _ = collect([("CUDA_VERSION", text.as_str())]);
        }
    }
}
