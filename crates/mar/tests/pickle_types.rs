//! Pickles whose opcodes meet values of the wrong type come in; what is predicted must be what six releases of CPython raised
//! (`fixtures/weights/pickles.py`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use envdiff_mar::weights::Weights;
use envdiff_mar::weights::load::{Outcome, PickleLoad, pickle_load};

/// What only the object itself decides: the prediction may be that it loads.
const BEYOND: &[&str] =
    &["object", "class", "item of: list", "item of: bytearray", "to: bytearray", "call with: "];

#[test]
fn values_of_the_wrong_type_are_refused_as_by_cpython() {
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../fixtures/weights/truth/pickles.json")).unwrap();
    let (mut asked, mut same, mut faults) = (0, 0, Vec::new());
    for row in &rows {
        let case = row["case"].as_str().unwrap();
        let hex = row["pickle"].as_str().unwrap();
        let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
        let bytes: Vec<u8> =
            hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect();
        let weights = Weights::read(&mut &*bytes).unwrap();
        for (version, said) in row["said"].as_object().unwrap() {
            let minor = version.split('.').nth(1).unwrap().parse().unwrap();
            let call = PickleLoad { python: Some((3, minor)), ..PickleLoad::default() };
            asked += 1;
            let ours = match pickle_load(&weights, &call).outcome {
                Outcome::Raises(raise) => {
                    Some(format!("{}: {}", raise.exception.rsplit('.').next().unwrap(), raise.text))
                }
                _ => None,
            };
            let is_same = match (&ours, said.as_str()) {
                (None, None) => true,
                // Older ones word it otherwise.
                (Some(ours), Some(said)) if ours.contains("NEWOBJ") && minor < 10 => said.contains("NEWOBJ"),
                (Some(ours), Some(said)) => ours == said,
                (None, Some(_)) if BEYOND.iter().any(|beyond| case.contains(beyond)) => continue,
                _ => false,
            };
            same += usize::from(is_same);
            if !is_same {
                faults.push(format!("{case}, {version}: {ours:?}, not {said}"));
            }
        }
    }
    println!("{asked} asked, {same} the same");
    assert!(same * 10 >= asked * 9 && faults.is_empty(), "{same} of {asked}\n{}", faults.join("\n"));
}
