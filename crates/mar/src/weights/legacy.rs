//! What `torch.save` wrote before 1.6 comes in: pickles one after the other, or a tar; the object's pickle comes out.

use envdiff_files::ReadAt;

use super::pickle::{self, End, Pickle, Shape};

/// Pickles one after the other: magic number, protocol, system, object, keys of storages; then the storages.
#[derive(Debug, Clone, PartialEq)]
pub struct Legacy {
    /// The pickles, up to the first that does not end.
    pub parts: Vec<Pickle>,
    /// Where each begins, in bytes.
    pub begins: Vec<u64>,
    /// How many bytes of storages should follow and how many do; `None` where a storage's size is not known.
    pub storages: Option<(u64, u64)>,
}

impl Legacy {
    /// The pickle of the object: the fourth.
    #[must_use]
    pub fn object(&self) -> Option<&Pickle> {
        self.parts.get(3)
    }

    /// The pickle that ends with an error, and where it begins.
    #[must_use]
    pub fn broken(&self) -> Option<(&Pickle, u64)> {
        let last = self.parts.last().filter(|last| last.end != End::Stop)?;
        Some((last, self.begins.last().copied().unwrap_or(0)))
    }

    /// Reads the other pickles behind the first.
    pub(super) fn read(file: &mut dyn ReadAt, first: &Pickle) -> Self {
        let size = file.size();
        let mut out = Self { parts: vec![first.clone()], begins: vec![0], storages: None };
        let mut at = first.len;
        for _ in 1..5 {
            let part = pickle::read(file, at, size);
            let ended = part.end == End::Stop;
            out.begins.push(at);
            at += part.len;
            out.parts.push(part);
            if !ended {
                return out;
            }
        }
        // Each storage: its count in 8 bytes, then its elements.
        let wants = out.object().and_then(|object| {
            object.storages.iter().try_fold(0_u64, |sum, storage| {
                let bytes = storage.count.checked_mul(storage.element()?.1)?;
                sum.checked_add(bytes)?.checked_add(8)
            })
        });
        out.storages = wants.map(|wants| (wants, size.saturating_sub(at)));
        out
    }
}

/// The number that every such file begins with, as a pickle of ten bytes (torch, `torch/serialization.py`).
pub(super) const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Whether the head of a file is the magic number: protocol 2, `LONG1`, ten bytes, `STOP`; other protocols alike.
pub(super) fn is_magic(head: &[u8]) -> bool {
    let rest = match head {
        [0x80, _, rest @ ..] => rest,
        rest => rest,
    };
    // Protocol 4 puts a frame around.
    let rest = match rest {
        [0x95, _, _, _, _, _, _, _, _, rest @ ..] => rest,
        rest => rest,
    };
    match rest {
        [0x8a, 10, rest @ ..] => rest.starts_with(&MAGIC) && rest.get(10) == Some(&b'.'),
        _ => head.starts_with(b"L119547037146038801333356L\n."),
    }
}

/// A tar of `storages`, `tensors` and `pickle`.
#[derive(Debug, Clone, PartialEq)]
pub struct OldTar {
    /// The object; `None` where the member is absent.
    pub object: Option<Box<Pickle>>,
    /// The names of the members.
    pub members: Vec<String>,
}

impl OldTar {
    /// The members of a tar, in blocks of 512 bytes; at most a hundred.
    pub(super) fn read(file: &mut dyn ReadAt) -> Self {
        let mut out = Self { object: None, members: Vec::new() };
        let size = file.size();
        let mut at = 0_u64;
        while out.members.len() < 100 && at < size {
            let mut block = [0; 512];
            if !matches!(file.read_at(at, &mut block), Ok(512)) {
                break;
            }
            let name = block.get(..100).unwrap_or_default();
            let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
            let length = block.get(124..136).unwrap_or_default();
            let digits: String = length.iter().map(|b| char::from(*b)).filter(char::is_ascii_digit).collect();
            let Ok(length) = u64::from_str_radix(&digits, 8) else { break };
            if name.is_empty() {
                break;
            }
            let name = String::from_utf8_lossy(&name).trim_start_matches("./").to_owned();
            let begin = at + 512;
            let Some(end) = begin.checked_add(length) else { break };
            if name == "pickle" {
                out.object = Some(Box::new(pickle::read(file, begin, end)));
            }
            out.members.push(name);
            at = end.div_ceil(512).saturating_mul(512);
        }
        out
    }

    /// Whether the members are those of an old torch file.
    #[must_use]
    pub fn is_torch(&self) -> bool {
        ["storages", "tensors", "pickle"].iter().all(|wanted| self.members.iter().any(|name| name == wanted))
    }
}

/// Whether the object is what a state dict is: only tensors, by name.
#[must_use]
pub fn is_state_dict(shape: &Shape) -> bool {
    shape.entries().is_some_and(super::shape::Entries::is_state_dict)
}
