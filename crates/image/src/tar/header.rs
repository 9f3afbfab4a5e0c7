//! The 512 bytes of a tar header in, its fields out (POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU tar's `tar.h`).

/// A tar block, in bytes.
pub(crate) const BLOCK: usize = 512;

/// One header block.
pub(crate) struct Block(pub(crate) [u8; BLOCK]);

impl Block {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    fn field(&self, at: usize, len: usize) -> &[u8] {
        self.0.get(at..at + len).unwrap_or_default()
    }

    /// A field up to its first NUL.
    fn text(&self, at: usize, len: usize) -> &[u8] {
        let field = self.field(at, len);
        field.split(|byte| *byte == 0).next().unwrap_or(field)
    }

    /// Whether the checksum holds: the sum of all bytes, the checksum itself taken as blanks. Some old writers summed
    /// signed bytes.
    pub(crate) fn is_header(&self) -> bool {
        let Some(stored) = octal(self.field(148, 8)) else { return false };
        let stored = i64::try_from(stored).unwrap_or(-1);
        // The whole block less the field itself, which counts as eight blanks.
        let sum = |value: fn(u8) -> i32| -> i64 {
            let all = |bytes: &[u8]| bytes.iter().map(|byte| value(*byte)).sum::<i32>();
            i64::from(all(&self.0) - all(self.field(148, 8)) + 8 * 32)
        };
        stored == sum(i32::from) || stored == sum(|byte| i32::from(byte.cast_signed()))
    }

    pub(crate) fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or(0)
    }

    /// The name with ustar's prefix before it.
    pub(crate) fn name(&self, out: &mut Vec<u8>) {
        out.clear();
        // GNU's own format has times where ustar has the prefix.
        if self.field(257, 6) == b"ustar\0" {
            let prefix = self.text(345, 155);
            if !prefix.is_empty() {
                out.extend_from_slice(prefix);
                out.push(b'/');
            }
        }
        out.extend_from_slice(self.text(0, 100));
    }

    pub(crate) fn link(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.text(157, 100));
    }

    /// The size; `None` when it is no number.
    pub(crate) fn size(&self) -> Option<u64> {
        number(self.field(124, 12))
    }

    /// GNU's old sparse format: the file's real size, and whether more blocks of the map follow this one.
    pub(crate) fn sparse(&self) -> (Option<u64>, bool) {
        (number(self.field(483, 12)), self.0.get(482).is_some_and(|byte| *byte != 0))
    }

    /// Whether a block of the sparse map is followed by another.
    pub(crate) fn sparse_goes_on(&self) -> bool {
        self.0.get(504).is_some_and(|byte| *byte != 0)
    }
}

/// An octal number between blanks and NULs; empty is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.split(|byte| *byte == 0).next().unwrap_or(field).trim_ascii();
    let mut value = 0_u64;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

/// An octal number, or GNU's base 256 where the first bit is set; `None` for a negative one too.
fn number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    if first & 0x40 != 0 {
        return None;
    }
    let mut value = u64::from(first & 0x3F);
    for byte in field.get(1..)? {
        value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
    }
    Some(value)
}

/// One record of a pax header, `LENGTH KEY=VALUE\n`, and what follows it; `None` when it is none.
pub(crate) fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(21).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{number, octal, pax_record};

    #[test]
    fn numbers_are_read_in_both_bases() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"   644 \0"), Some(0o644));
        assert_eq!(octal(b"\0\0\0"), Some(0));
        assert_eq!(octal(b"8"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(8 << 30));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn pax_records_are_cut_by_their_length() {
        let (key, value, rest) = pax_record(b"12 path=a\nb\n13 linkpath=x\n").unwrap();
        assert_eq!((key, value), (&b"path"[..], &b"a\nb"[..]));
        assert_eq!(pax_record(b"5 a=\n").unwrap().1, b"");
        assert!(pax_record(b"99 path=a\n").is_none());
        assert!(pax_record(b"path=a\n").is_none());
        assert!(pax_record(rest).is_none(), "a length that does not fit");
    }
}
