//! What is read of a target, as the constants that the readers compare with and as rows of `docs/limits.md`; with the
//! bounds of `envdiff-files`, which answers for every source and knows no nouns.

use envdiff_files::{Budget, MAX_HOPS, MAX_PATH, MAX_ROUNDS, limits};
use envdiff_model::{Amount, Limit, Past};

/// The most entries of one folder (contract, section 7).
pub const FOLDER_ENTRIES: usize = 200_000;
/// The most entries of an image, and the most that one question for a tree is answered with (contract, section 7).
pub const IMAGE_ENTRIES: usize = 2_000_000;
/// The names and link texts of all layers together, in bytes: what is kept of a target (contract, section 7).
pub const IMAGE_NAMES: usize = 256 << 20;
/// The longest name that a file system takes, in bytes (`NAME_MAX`).
pub const NAME: usize = 255;
/// The longest pax header or GNU long name that is read, in bytes. A path has at most 4,096.
pub const TAR_EXTENSION: u64 = 1 << 20;
/// The most layers of an image (contract, section 7).
pub const LAYERS: usize = 1_024;
/// The largest JSON of an image that is read, in bytes (contract, section 7).
pub const JSON_BYTES: u64 = 64 << 20;
/// The largest snapshot, in bytes; it is a lock too (contract, section 7).
pub const SNAPSHOT: u64 = 64 << 20;
/// The largest `placeholders.txt` of a bundle, in bytes.
pub const PLACEHOLDERS_FILE: u64 = 256 << 20;
/// How much may come out of how much in, once more than [`INFLATED_FREE`] came out (contract, section 7).
pub const INFLATED_TO_DEFLATED: u64 = 1_000;
/// What may come out at any rate, in bytes (contract, section 7).
pub const INFLATED_FREE: u64 = 64 << 20;
/// The most images of an archive or layout, and the most entries of one of its manifests.
pub const IMAGES: usize = 10_000;
/// How deep an index may lie in an index.
pub const INDEX_DEPTH: usize = 4;
/// The most entries of an archive itself: its layers and their JSON.
pub const ARCHIVE_ENTRIES: usize = 100_000;
/// The most passes over what is packed; each is told.
pub const PASSES: usize = 4;
/// The largest file of the Docker CLI that is read, in bytes.
pub const CLI_FILE: u64 = 16 << 20;
/// How many seconds an engine may say nothing (contract, section 7).
pub const SILENT_SECONDS: u64 = 30;

/// The bounds of this crate and of `envdiff-files`.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "rounds of questions to a target",
        Amount::count(MAX_ROUNDS),
        Past::Refused,
        "crates/files/src/limits.rs::a_conversation_has_64_rounds",
    ),
    Limit::new(
        "bytes kept of the files of a target",
        Amount::Bytes(Budget::MAX_BYTES),
        Past::Unreadable,
        "crates/files/src/limits.rs::a_target_keeps_256_mib_of_files",
    ),
    Limit::new(
        "names kept of the folders of a target, with 24 bytes for each",
        Amount::Bytes(Budget::MAX_NAMES),
        Past::Unreadable,
        "crates/files/src/limits.rs::a_target_keeps_256_mib_of_names",
    ),
    Limit::new(
        "a path in an image",
        Amount::bytes(MAX_PATH),
        Past::Unreadable,
        "crates/files/src/limits.rs::a_path_has_at_most_4096_bytes",
    ),
    Limit::new(
        "links followed for one path",
        Amount::count(MAX_HOPS),
        Past::Unreadable,
        "crates/files/src/limits.rs::a_path_leads_over_40_links",
    ),
    Limit::new(
        "entries of a folder",
        Amount::count(FOLDER_ENTRIES),
        Past::Unreadable,
        "crates/image/src/tar/index.rs::a_folder_has_at_most_200000_entries",
    ),
    Limit::new(
        "the central directory of a zip",
        Amount::Bytes(limits::ZIP_DIRECTORY),
        Past::Unreadable,
        "crates/files/src/limits.rs::the_directory_of_a_zip_has_at_most_256_mib",
    ),
    Limit::new(
        "entries of a zip",
        Amount::Count(limits::ZIP_ENTRIES),
        Past::Unreadable,
        "crates/files/src/limits.rs::a_zip_has_at_most_2000000_entries",
    ),
    Limit::new(
        "all metadata files of a zip",
        Amount::Bytes(limits::ZIP_MEMBERS),
        Past::Unreadable,
        "crates/files/src/limits.rs::the_metadata_files_of_a_zip_have_at_most_64_mib",
    ),
    Limit::new(
        "what is read of an ELF file for its tables",
        Amount::Bytes(envdiff_files::MAX_VIEW),
        Past::Unreadable,
        "crates/files/src/elf/tests.rs::no_table_is_read_past_the_bound",
    ),
    Limit::new(
        "what is searched of an ELF file's section",
        Amount::Bytes(envdiff_files::MAX_SCAN),
        Past::Unknown,
        "crates/files/src/elf/tests.rs::a_search_that_was_cut_says_so",
    ),
    Limit::new(
        "entries of an image's layers, those replaced included",
        Amount::count(IMAGE_ENTRIES),
        Past::Refused,
        "crates/image/src/tar/index.rs::an_image_has_at_most_2000000_entries",
    ),
    Limit::new(
        "names and link texts of an image's layers",
        Amount::bytes(IMAGE_NAMES),
        Past::Refused,
        "crates/image/src/tar/index.rs::the_names_of_an_image_have_at_most_256_mib",
    ),
    Limit::new(
        "a path or link text in a layer",
        Amount::bytes(MAX_PATH),
        Past::Refused,
        "crates/image/src/tar/index.rs::a_layer_has_paths_names_and_links_of_a_file_system",
    ),
    Limit::new(
        "a name in a layer",
        Amount::bytes(NAME),
        Past::Refused,
        "crates/image/src/tar/index.rs::a_layer_has_paths_names_and_links_of_a_file_system",
    ),
    Limit::new(
        "a pax header or GNU long name",
        Amount::Bytes(TAR_EXTENSION),
        Past::Refused,
        "crates/image/src/limits.rs::a_long_name_has_at_most_1_mib",
    ),
    Limit::new(
        "layers of an image",
        Amount::count(LAYERS),
        Past::Refused,
        "crates/image/src/limits.rs::an_image_has_at_most_1024_layers",
    ),
    Limit::new(
        "JSON of an image: configuration, manifest, index, `image.json`, what an engine answers",
        Amount::Bytes(JSON_BYTES),
        Past::Refused,
        "crates/image/src/limits.rs::the_json_of_an_image_has_at_most_64_mib",
    ),
    Limit::new(
        "inflated bytes to deflated ones",
        Amount::Ratio { to_one: INFLATED_TO_DEFLATED, beyond: INFLATED_FREE },
        Past::Refused,
        "crates/image/src/limits.rs::what_is_packed_grows_a_thousandfold_at_most",
    ),
    Limit::new(
        "images in an archive or layout",
        Amount::count(IMAGES),
        Past::Refused,
        "crates/image/src/limits.rs::an_archive_has_at_most_10000_images",
    ),
    Limit::new(
        "indexes of images within each other",
        Amount::count(INDEX_DEPTH),
        Past::Refused,
        "crates/image/src/limits.rs::indexes_lie_4_deep",
    ),
    Limit::new(
        "entries of an archive itself, its layers and their JSON",
        Amount::count(ARCHIVE_ENTRIES),
        Past::Refused,
        "crates/image/src/archive/blobs.rs::an_archive_has_at_most_100000_entries_of_its_own",
    ),
    Limit::new(
        "passes over a packed archive",
        Amount::count(PASSES),
        Past::Unreadable,
        "crates/image/src/limits.rs::a_packed_archive_is_read_4_times",
    ),
    Limit::new(
        "a snapshot",
        Amount::Bytes(SNAPSHOT),
        Past::Refused,
        "crates/image/src/limits.rs::files_that_the_user_names_are_read_up_to_their_bound",
    ),
    Limit::new(
        "`placeholders.txt` of a bundle",
        Amount::Bytes(PLACEHOLDERS_FILE),
        Past::Refused,
        "crates/image/src/limits.rs::files_that_the_user_names_are_read_up_to_their_bound",
    ),
    Limit::new(
        "a configuration file of the Docker CLI",
        Amount::Bytes(CLI_FILE),
        Past::Refused,
        "crates/image/src/docker/context.rs::a_configuration_of_the_docker_cli_has_at_most_16_mib",
    ),
    Limit::new(
        "silence of an engine, before each chunk",
        Amount::Seconds(SILENT_SECONDS),
        Past::Refused,
        "crates/image/src/docker/tests/mock.rs::a_silent_engine_is_given_up",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::fs::{self, File};
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    use envdiff_files::{Answered, Reason, Reply};
    use sha2::{Digest as _, Sha256};

    use super::{
        IMAGES, INDEX_DEPTH, INFLATED_FREE, JSON_BYTES, LAYERS, PASSES, PLACEHOLDERS_FILE, SNAPSHOT,
        TAR_EXTENSION,
    };
    use crate::TargetSpec;
    use crate::archive::unpacked;
    use crate::folder::read_file;
    use crate::hostile::{image_of, message, message_of, opened, read, tar_with};

    /// `Absent` of a file in an archive: it was read.
    const READ: &str = "[Absent]";

    #[test]
    fn an_image_has_at_most_1024_layers() {
        let image = |count: usize| {
            let ids = vec!["\"sha256:1\""; count].join(",");
            let config = format!(r#"{{"os":"linux","config":{{}},"rootfs":{{"diff_ids":[{ids}]}}}}"#);
            let layers = vec!["\"l.tar\""; count].join(",");
            let manifest = format!(r#"[{{"Config":"c.json","Layers":[{layers}]}}]"#);
            message(&tar_with(&[
                ("c.json", config.as_bytes()),
                ("l.tar", &tar_with(&[("x/y", b"1")])),
                ("manifest.json", manifest.as_bytes()),
            ]))
        };
        let inside = image(LAYERS);
        assert!(inside.starts_with("[Answered") && inside.contains("layer: Some(1023)"), "{inside}");
        assert_eq!(
            image(LAYERS + 1),
            "DIR/a.tar holds more than is read: 1025 layers, at most 1024 are read"
        );
    }

    #[test]
    fn a_long_name_has_at_most_1_mib() {
        let image = |len: u64| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::GNULongName);
            header.set_size(len);
            header.set_cksum();
            let mut layer = header.as_bytes().to_vec();
            layer.resize(layer.len() + usize::try_from(len.next_multiple_of(512)).unwrap(), b'/');
            layer.extend_from_slice(&tar_with(&[("x", b"1")]));
            message(&image_of(layer))
        };
        // It is read, and is no path then.
        assert!(image(TAR_EXTENSION).ends_with("holds more than is read: a path of 1048576 bytes"));
        assert!(image(TAR_EXTENSION + 1).ends_with("holds more than is read: a name of 1048577 bytes"));
    }

    /// An archive whose manifest has `len` bytes, which are not written.
    fn large_manifest(dir: &Path, len: u64) -> String {
        let mut header = tar::Header::new_gnu();
        header.set_path("manifest.json").unwrap();
        header.set_size(len);
        header.set_mode(0o644);
        header.set_cksum();
        let file = dir.join("a.tar");
        let mut out = File::create(&file).unwrap();
        out.write_all(header.as_bytes()).unwrap();
        out.set_len(512 + len.next_multiple_of(512) + 1024).unwrap();
        message_of(&TargetSpec::Archive { file, image: None }).replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn the_json_of_an_image_has_at_most_64_mib() {
        let dir = tempfile::tempdir().unwrap();
        // It is read, and is no JSON then: NULs.
        let inside = large_manifest(dir.path(), JSON_BYTES);
        assert!(inside.contains("manifest.json: expected value at line 1 column 1"), "{inside}");
        assert_eq!(
            large_manifest(dir.path(), JSON_BYTES + 1),
            "manifest.json in DIR/a.tar holds more than is read: 67108865 bytes of JSON"
        );
        let read = |len: u64| {
            let mut json = br#"{"config":{}}"#.to_vec();
            json.resize(usize::try_from(len).unwrap(), b'x');
            crate::read_image_json(&json).unwrap_err()
        };
        assert!(read(JSON_BYTES).starts_with("trailing characters"));
        assert_eq!(read(JSON_BYTES + 1), "larger than 64 MiB");
    }

    #[test]
    fn what_is_packed_grows_a_thousandfold_at_most() {
        let packed = |zeros: u64| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            let chunk = vec![0; 1 << 20];
            for _ in 0..zeros >> 20 {
                encoder.write_all(&chunk).unwrap();
            }
            encoder.finish().unwrap()
        };
        let read = |packed: &[u8]| std::io::copy(&mut unpacked(packed), &mut std::io::sink());
        // Deflate reaches 1,032 : 1.
        let free = packed(INFLATED_FREE);
        assert!(INFLATED_FREE / free.len() as u64 > super::INFLATED_TO_DEFLATED);
        assert_eq!(read(&free).unwrap(), INFLATED_FREE);
        let beyond = packed(INFLATED_FREE + (4 << 20));
        let told = read(&beyond).unwrap_err().to_string();
        assert_eq!(told, "more than 1000 times its packed size comes out of it, beyond 64 MiB");
        // Less than that may go on for ever.
        let mut noise = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        noise.write_all(&[7; 1 << 16]).unwrap();
        let mut mixed = noise.finish().unwrap();
        mixed.extend_from_slice(&beyond);
        assert!(read(&mixed).is_ok());
        let mut first = [0; 4];
        unpacked(&free).read_exact(&mut first).unwrap();
    }

    #[test]
    fn an_archive_has_at_most_10000_images() {
        let image = |count: usize| {
            let one = r#"{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}"#;
            let manifest = format!("[{}]", vec![one; count].join(","));
            let config = br#"{"os":"linux","config":{},"rootfs":{"diff_ids":["sha256:1"]}}"#;
            message(&tar_with(&[
                ("c.json", config),
                ("l.tar", &tar_with(&[])),
                ("manifest.json", manifest.as_bytes()),
            ]))
        };
        assert_eq!(image(IMAGES), READ);
        assert_eq!(image(IMAGES + 1), "DIR/a.tar is no image: manifest.json: more than 10000 images");
        let index = |count: usize| {
            let manifests = vec![r#"{"digest":"sha256:1"}"#; count].join(",");
            let index = format!(r#"{{"manifests":[{manifests}]}}"#);
            message(&tar_with(&[("index.json", index.as_bytes())]))
        };
        assert_eq!(index(IMAGES), "DIR/a.tar is no image: the blob sha256:1 is missing");
        assert_eq!(index(IMAGES + 1), "DIR/a.tar is no image: index.json: more than 10000 entries");
    }

    #[test]
    fn indexes_lie_4_deep() {
        let image = |deep: usize| {
            let mut files: Vec<(String, Vec<u8>)> = Vec::new();
            let mut blob = |json: String| {
                let hex: String = Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect();
                files.push((format!("blobs/sha256/{hex}"), json.into_bytes()));
                format!("sha256:{hex}")
            };
            let config = blob(r#"{"os":"linux","config":{},"rootfs":{"diff_ids":[]}}"#.to_owned());
            let mut digest = blob(format!(r#"{{"config":{{"digest":"{config}"}},"layers":[]}}"#));
            let mut kind = "application/vnd.oci.image.manifest.v1+json";
            for _ in 0..deep {
                digest = blob(format!(r#"{{"manifests":[{{"mediaType":"{kind}","digest":"{digest}"}}]}}"#));
                kind = "application/vnd.oci.image.index.v1+json";
            }
            let index = format!(r#"{{"manifests":[{{"mediaType":"{kind}","digest":"{digest}"}}]}}"#);
            files.push(("index.json".to_owned(), index.into_bytes()));
            // A name of 71 bytes fits a header.
            let files: Vec<(&str, &[u8])> =
                files.iter().map(|(name, json)| (name.as_str(), &**json)).collect();
            message(&tar_with(&files))
        };
        assert_eq!(image(INDEX_DEPTH), READ);
        let told = image(INDEX_DEPTH + 1);
        assert_eq!(told, "DIR/a.tar is no image: index.json: indexes lie more than 4 deep");
    }

    #[test]
    fn a_packed_archive_is_read_4_times() {
        let names: Vec<String> = (0..=PASSES).map(|at| format!("u{at}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&tar_with(&files)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.tar");
        fs::write(&file, image_of(packed.finish().unwrap())).unwrap();
        let mut files = opened(&TargetSpec::Archive { file, image: None }).unwrap();
        // The first pass tells the names alone; then each question costs another.
        let (last, inside) = names.split_last().unwrap();
        let (beyond, inside) = (last, inside.split_last().unwrap().1);
        for name in inside {
            let reply = read(&mut *files.source, &format!("/{name}"));
            assert!(matches!(reply, Reply::Answered(Answered { .. })), "{name}: {reply:?}");
        }
        let Reply::Unreadable(Reason::System(why)) = read(&mut *files.source, &format!("/{beyond}")) else {
            panic!("read once more")
        };
        assert_eq!(&*why, "it was not kept when the image's stream passed by, and it is not read once more");
    }

    /// A file of NULs that takes no room.
    fn sparse(path: &Path, len: u64) {
        File::create(path).unwrap().set_len(len).unwrap();
    }

    #[test]
    fn files_that_the_user_names_are_read_up_to_their_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let told = |spec: TargetSpec| message_of(&spec).replace(&dir.path().display().to_string(), "DIR");
        fs::write(path("small"), "12345").unwrap();
        assert_eq!(read_file(&path("small"), 5).unwrap(), b"12345");
        assert!(read_file(&path("small"), 4).is_err());

        sparse(&path("s.json"), SNAPSHOT);
        let inside = told(TargetSpec::Snapshot(path("s.json")));
        assert!(inside.starts_with("DIR/s.json is no snapshot: "), "{inside}");
        sparse(&path("s.json"), SNAPSHOT + 1);
        let beyond = told(TargetSpec::Snapshot(path("s.json")));
        assert_eq!(beyond, "DIR/s.json holds more than is read: more than 64 MiB");

        fs::create_dir_all(path("bundle/rootfs")).unwrap();
        sparse(&path("bundle/image.json"), JSON_BYTES + 1);
        let beyond = told(TargetSpec::Dir(path("bundle")));
        assert_eq!(beyond, "DIR/bundle/image.json holds more than is read: more than 64 MiB");
        fs::write(path("bundle/image.json"), "{}").unwrap();
        sparse(&path("bundle/placeholders.txt"), PLACEHOLDERS_FILE + 1);
        let beyond = told(TargetSpec::Dir(path("bundle")));
        assert_eq!(beyond, "DIR/bundle/placeholders.txt holds more than is read: more than 256 MiB");
    }
}
