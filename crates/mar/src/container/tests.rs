//! The archives of `fixtures/archives` come in; what is read here must be what OpenJDK's `ZipInputStream` read from them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::Value as Json;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/archives");

#[test]
fn zips_are_read_as_java_reads_them() {
    let truth: Json =
        serde_json::from_slice(&fs::read(format!("{FIXTURES}/zipinputstream.json")).unwrap()).unwrap();
    let cases = truth.as_object().unwrap();
    assert!(cases.len() > 60);
    let mut wrong = Vec::new();
    for (file, java) in cases {
        let raw = Raw::file(File::open(format!("{FIXTURES}/zip/{file}")).unwrap()).unwrap();
        let ours = zip::sequence(&raw, false).unwrap();
        let entries: Vec<(&str, u64)> =
            ours.entries.iter().map(|entry| (entry.name.as_str(), entry.body.size())).collect();
        let wanted: Vec<(&str, u64)> = java["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["name"].as_str().unwrap(), entry["size"].as_u64().unwrap()))
            .collect();
        let thrown = match &ours.stop {
            zip::Stop::Silent(_) => String::new(),
            zip::Stop::Thrown(thrown, _) => thrown.message(),
        };
        let said = java["thrown"].as_str().unwrap();
        // Of a fault that comes after some output our inflater does not have zlib's words.
        let is_said =
            thrown == said || (thrown == "java.util.zip.ZipException" && file == "bad_distance.zip");
        if entries != wanted || !is_said {
            wrong.push(format!("{file}: {entries:?} {thrown}; Java: {wanted:?} {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stored_and_packed_entries_are_read_where_they_lie() {
    let archive = Archive::open(Path::new(&format!("{FIXTURES}/zip/plain.zip"))).unwrap();
    let contents = archive.unpack(Version::new(0, 7, 1), false).facts;
    assert_eq!(contents.read("stored.txt", 100).unwrap(), b"stored content");
    assert_eq!(contents.read("sub/deflated.txt", 1 << 20).unwrap(), b"deflated content ".repeat(40));
    assert_eq!(contents.read("sub", 100), Err(Unread::IsFolder));
    assert_eq!(contents.read("none", 100), Err(Unread::Absent));
    assert_eq!(contents.read("stored.txt", 3), Err(Unread::TooLarge(3)));
    let mut file = contents.open("stored.txt").unwrap();
    let mut buffer = [0; 7];
    assert_eq!(file.read_at(7, &mut buffer).unwrap(), 7);
    assert_eq!(&buffer, b"content");
    // By its suffix it is a gzipped tar for the newest.
    assert_eq!(archive.unpack(Version::NEWEST, false).endings.len(), 1);
}

/// What is not kept in memory is inflated anew where somebody goes back.
#[test]
fn a_large_packed_file_is_read_from_anywhere() {
    let raw = Raw::file(File::open(format!("{FIXTURES}/zip/plain.zip")).unwrap()).unwrap();
    let content = b"deflated content ".repeat(40);
    let at = 30 + "stored.txt".len() + 14 + 30 + "sub/deflated.txt".len();
    let mut file = Unrolled::new(&raw, at as u64, 0, content.len() as u64);
    for from in [0, 600, 17, 679, 680, 3] {
        let mut buffer = [0; 40];
        let count = file.read_at(from, &mut buffer).unwrap();
        let from = usize::try_from(from).unwrap();
        assert_eq!(&buffer[..count], &content[from..(from + 40).min(content.len())], "{from}");
    }
}
