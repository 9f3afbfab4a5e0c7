//! How long judging takes: 1,000 requirements against 200 distributions.

use std::fmt::Write as _;
use std::time::Instant;

use envdiff_judge::{Policy, audit};

use crate::example::examples;
use crate::{image, pages};

#[test]
#[cfg_attr(debug_assertions, ignore = "a figure of the release profile")]
fn a_thousand_requirements_in_three_milliseconds() {
    let mut body = String::from("--- image\npython 3.11.7\n");
    for n in 0..200 {
        writeln!(body, "package package-{n} 1.{n}.0").unwrap();
        for other in 1..20 {
            let marker = if other % 3 == 0 { "; extra == \"test\"" } else { "; python_version >= \"3.8\"" };
            writeln!(body, "  Requires-Dist: package-{}>=1.0,<3{marker}", (n + other) % 200).unwrap();
        }
    }
    body.push_str("--- lock train.lock\n");
    for n in 0..1000 {
        // One in eleven is missing, one in fifty of another version.
        let (name, minor) = (n % 220, n % 220 + usize::from(n % 50 == 0));
        writeln!(body, "package-{name}==1.{minor}.0 ; python_version >= \"3.8\"").unwrap();
    }
    let example = examples("speed", &format!("```envdiff example=\"fires\"\n{body}```\n")).remove(0);
    let (snapshot, locks) = (image::snapshot(&example), pages::locks(&example));
    let mut times: Vec<_> = (0..300)
        .map(|_| {
            let (snapshot, locks) = (snapshot.clone(), locks.clone());
            let start = Instant::now();
            let audit = audit(snapshot, locks, Vec::new(), &Policy::default());
            let took = start.elapsed();
            assert_eq!(audit.requirements.len(), 1000);
            took
        })
        .collect();
    times.sort();
    eprintln!("judging: median {:?}, best {:?}", times[times.len() / 2], times[0]);
    assert!(times[0].as_micros() < 3000, "{:?}", times[0]);
}
