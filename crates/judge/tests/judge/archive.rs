//! The archive of an example, a listing of files, comes in; the bytes of a real one on a disk come out.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};

/// An archive of an example.
#[derive(Debug, Default, Clone)]
pub struct Archive {
    pub name: String,
    pub kind: Kind,
    pub entries: Vec<Entry>,
    /// So many bytes are missing at its end.
    pub cut: usize,
    /// What is the file itself, of a raw one.
    pub raw: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Zip,
    TarGz,
    Folder,
    Raw,
}

/// An entry of a zip, a tar or a folder.
#[derive(Debug, Default, Clone)]
pub struct Entry {
    pub path: Vec<u8>,
    pub content: Vec<u8>,
    /// Not told by the zip's directory at its end.
    pub hidden: bool,
    /// Number of a way of compression, of bytes that are not compressed.
    pub method: u16,
    /// Only told by the directory, with a header that says another checksum.
    pub wrong_checksum: bool,
}

/// The archive of a section's head and lines.
pub fn archive(title: &str, words: &[&str], lines: &[&str]) -> Archive {
    let name = words.first().unwrap_or_else(|| panic!("{title}: --- archive NAME")).to_string();
    let kind = match words.get(1).copied() {
        Some("zip") => Kind::Zip,
        Some("tar.gz") => Kind::TarGz,
        Some("folder") => Kind::Folder,
        Some("raw") => Kind::Raw,
        Some(other) => panic!("{title}: no archive is {other}"),
        None if name.ends_with(".tar.gz") => Kind::TarGz,
        None if name.contains('.') => Kind::Zip,
        None => Kind::Folder,
    };
    let mut archive = Archive { name, kind, ..Archive::default() };
    if kind == Kind::Raw {
        archive.raw = text(lines);
        return archive;
    }
    let mut rest = lines;
    while let Some((line, more)) = rest.split_first() {
        // An empty line belongs to what it stands in.
        let content: Vec<&str> = more
            .iter()
            .map_while(|line| if line.is_empty() { Some(*line) } else { line.strip_prefix("  ") })
            .collect();
        rest = &more[content.len()..];
        let words: Vec<&str> = line.split(' ').collect();
        let mut entry = Entry::default();
        match words[..] {
            ["manifest", ref pairs @ ..] => {
                entry.path = b"MAR-INF/MANIFEST.json".to_vec();
                entry.content = manifest(pairs);
            }
            ["cut", bytes] => {
                archive.cut = bytes.parse().expect("cut BYTES");
                continue;
            }
            ["base64", path] => {
                entry.path = name_bytes(path);
                entry.content = STANDARD.decode(content.concat()).expect("base64");
            }
            ["zip", path] => {
                entry.path = name_bytes(path);
                let nested = self::archive(title, &["inner", "zip"], &content);
                entry.content = zip(&nested);
            }
            ["safetensors", path, bytes] => {
                entry.path = name_bytes(path);
                let header = content.concat().into_bytes();
                entry.content = (header.len() as u64).to_le_bytes().to_vec();
                entry.content.extend(header);
                entry.content.extend(vec![0; bytes.parse().expect("safetensors PATH BYTES")]);
            }
            ["hidden", path] => {
                entry = Entry { path: name_bytes(path), content: text(&content), hidden: true, ..entry };
            }
            ["bzip2", path] => {
                entry = Entry { path: name_bytes(path), content: text(&content), method: 12, ..entry };
            }
            ["wrong-checksum", path] => {
                entry = Entry { path: name_bytes(path), content: text(&content), ..entry };
                entry.wrong_checksum = true;
            }
            ["size", path, bytes] => {
                entry.path = name_bytes(path);
                entry.content = vec![0; bytes.parse().expect("size PATH BYTES")];
            }
            _ => {
                entry.path = name_bytes(line);
                entry.content = text(&content);
            }
        }
        archive.entries.push(entry);
    }
    archive
}

fn text(lines: &[&str]) -> Vec<u8> {
    lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// `\xff` stands for that byte.
fn name_bytes(written: &str) -> Vec<u8> {
    let mut parts = written.split("\\x");
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        out.push(u8::from_str_radix(digits, 16).expect("\\xNN"));
        out.extend(rest.as_bytes());
    }
    out
}

/// A manifest with these keys of the model beside its usual ones; a key without value is left out.
fn manifest(pairs: &[&str]) -> Vec<u8> {
    let mut model = serde_json::Map::new();
    for (key, value) in [("modelName", "model"), ("handler", "handler.py"), ("modelVersion", "1.0")] {
        model.insert(key.into(), value.into());
    }
    let mut runtime = "python";
    for pair in pairs {
        let (key, value) = pair.split_once('=').expect("manifest KEY=VALUE");
        match (key, value) {
            ("runtime", value) => runtime = value,
            (key, "") => drop(model.remove(key)),
            (key, value) => drop(model.insert(key.into(), value.into())),
        }
    }
    let whole = serde_json::json!({
        "createdOn": "01/01/2024 00:00:00", "runtime": runtime, "model": model, "archiverVersion": "0.12.0"
    });
    whole.to_string().into_bytes()
}

/// Writes it into a folder.
pub fn write(archive: &Archive, folder: &Path) {
    let path = folder.join(&archive.name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match archive.kind {
        Kind::Zip => fs::write(path, cut(zip(archive), archive.cut)).unwrap(),
        Kind::TarGz => fs::write(path, cut(tar_gz(archive), archive.cut)).unwrap(),
        Kind::Raw => fs::write(path, &archive.raw).unwrap(),
        Kind::Folder => {
            fs::create_dir_all(&path).unwrap();
            for entry in &archive.entries {
                let file = path.join(std::str::from_utf8(&entry.path).unwrap());
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, &entry.content).unwrap();
            }
        }
    }
}

fn cut(mut bytes: Vec<u8>, by: usize) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(by));
    bytes
}

/// A zip whose entries are stored.
fn zip(archive: &Archive) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let mut told = 0_u16;
    for entry in &archive.entries {
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let checksum = if entry.wrong_checksum { !crc.sum() } else { crc.sum() };
        let size = u32::try_from(entry.content.len()).unwrap();
        let name = u16::try_from(entry.path.len()).unwrap();
        // Version, flags (names are UTF-8), method, time and date (1 January 1980), checksum, sizes, lengths.
        let mut common = Vec::new();
        for word in [20_u16, 0x800, entry.method, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        for long in [checksum, size, size] {
            common.extend(long.to_le_bytes());
        }
        common.extend(name.to_le_bytes());
        common.extend([0, 0]);
        let at = u32::try_from(out.len()).unwrap();
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(&entry.path);
        out.extend(&entry.content);
        if !entry.hidden {
            told += 1;
            directory.extend(b"PK\x01\x02\x14\x03");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend(at.to_le_bytes());
            directory.extend(&entry.path);
        }
    }
    let at = u32::try_from(out.len()).unwrap();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(told.to_le_bytes());
    out.extend(told.to_le_bytes());
    out.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn tar_gz(archive: &Archive) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in &archive.entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, std::str::from_utf8(&entry.path).unwrap(), &entry.content[..]).unwrap();
    }
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&tar.into_inner().unwrap()).unwrap();
    gz.finish().unwrap()
}
