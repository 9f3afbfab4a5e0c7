//! Any bytes come in; nothing comes out, and nothing panics: the entry points of the fuzz targets.

use envdiff_model::ImageConfig;

use crate::container::{Archive, Contents};
use crate::manifest::MANIFEST;
use crate::server::Command;
use crate::{Version, manifest, model_config, place, properties, server};

/// Unpacks the bytes under a name that decides how, and reads all that comes out.
fn archive(name: &str, bytes: &[u8]) {
    for version in [Version::NEWEST, Version::new(0, 7, 1)] {
        let contents = Archive::of_bytes(name, bytes.to_vec()).unpack(version, true).facts;
        for (path, size) in contents.files().into_iter().take(64) {
            if let Ok(read) = contents.read(&path, 1 << 20) {
                assert!(read.len() as u64 == size);
            }
        }
        let manifest = manifest::read(&contents, version).facts;
        let _place = place::read(name, &manifest, &server::Server::of_version(version));
    }
}

/// As a zip that Java reads from the front.
pub fn zip(bytes: &[u8]) {
    archive("a.mar", bytes);
}

/// As a gzipped tar; where the bytes are no gzip, as a tar that is gzipped first.
pub fn targz(bytes: &[u8]) {
    archive("a.tar.gz", bytes);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = std::io::Write::write_all(&mut packed, bytes);
    if let (Ok(()), Ok(packed)) = (written, packed.finish()) {
        archive("a.tar.gz", &packed);
    }
}

/// As MANIFEST.json, by both readers.
pub fn manifest(bytes: &[u8]) {
    let found = manifest::read(&Contents::of(&[(MANIFEST, bytes)]), Version::NEWEST);
    for trouble in &found.troubles {
        assert!(trouble.at.as_ref().is_none_or(|at| at.line >= 1 && at.end_column >= at.column));
    }
}

/// As model-config.yaml.
pub fn model_config(bytes: &[u8]) {
    let named = br#"{"model": {"configFile": "c"}}"#;
    let contents = Contents::of(&[(MANIFEST, named), ("c", bytes)]);
    let manifest = manifest::read(&contents, Version::NEWEST).facts;
    let found = model_config::read(&contents, &manifest, Version::NEWEST);
    for trouble in &found.troubles {
        assert!(trouble.at.as_ref().is_none_or(|at| at.line >= 1 && at.end_column >= at.column));
    }
}

/// As config.properties.
pub fn properties(bytes: &[u8]) {
    let read = properties::read(bytes);
    let config = ImageConfig::default();
    let _server = server::read("config.properties", &read, &config, &Command::default(), Version::NEWEST);
}

/// An entry of a zip, stored.
fn stored(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    let sum = crc.sum().to_le_bytes();
    [&b"PK\x03\x04\x14\0\0\0\0\0\0\0\x21\0"[..], &sum, &size, &size, &length, &[0, 0], name.as_bytes(), bytes]
        .concat()
}

/// As handler.py of an archive that holds nothing else but a small file, through the whole prediction without an image.
pub fn handler(bytes: &[u8]) {
    let named = br#"{"model": {"modelName": "m", "handler": "handler.py", "serializedFile": "weights.pt"}}"#;
    let zip = [
        stored("MAR-INF/MANIFEST.json", named),
        stored("weights.pt", b"no weights"),
        stored("handler.py", bytes),
    ];
    let archive = crate::Archive::of_image("/m.mar", zip.concat());
    if let Ok(loads) = crate::predict(&[archive], None, &crate::Wishes::default()) {
        for trouble in loads.iter().flat_map(|load| &load.troubles) {
            assert!(trouble.at.as_ref().is_none_or(|at| at.line >= 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            super::zip(&bytes);
            super::zip(&[b"PK\x03\x04", bytes.as_slice()].concat());
            super::targz(&bytes);
            super::properties(&bytes);
        }

        #[test]
        fn any_handler(text in r#"(class H:|def handle\(data, context\):|import os|if x|for a in b:|return|self|\n|\n |\n  |[a-z0-9 =+*%().,:'\[\]{}]){0,24}"#) {
            super::handler(text.as_bytes());
        }

        #[test]
        fn any_text(text in r#"[\[\]{}:,"' \n\\ua0-9#/*=;!&<>|%~.-]{0,80}"#) {
            super::manifest(text.as_bytes());
            super::model_config(text.as_bytes());
            super::properties(text.as_bytes());
        }
    }
}
