//! A file behind positioned reads, or its bytes as they come, in; its size and SHA-256 out. Whatever its size, one buffer is
//! held.

use sha2::{Digest as _, Sha256};

use crate::{Digest, ReadAt, Reason};

/// What is read at once, in bytes.
const STEP: usize = 256 << 10;

/// A digest under way.
#[derive(Debug, Clone, Default)]
pub struct Hashing {
    hash: Sha256,
    taken: u64,
}

impl Hashing {
    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.taken += bytes.len() as u64;
    }

    /// How many bytes were taken.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// The digest of all that was taken.
    #[must_use]
    pub fn done(self) -> Digest {
        Digest { size: self.taken, sha256: Some(self.hash.finalize().into()) }
    }
}

/// Hashes a file of at most `limit` bytes; of a longer one it tells the size.
///
/// # Errors
/// Why it cannot be read.
pub fn digest_of<R: ReadAt + ?Sized>(file: &mut R, limit: u64) -> Result<Digest, Reason> {
    let size = file.size();
    if size > limit {
        return Ok(Digest { size, sha256: None });
    }
    let mut buffer = vec![0; STEP.min(usize::try_from(size).unwrap_or(STEP))];
    let mut hashing = Hashing::default();
    while hashing.taken() < size {
        let left = usize::try_from(size - hashing.taken()).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let count = file.read_at(hashing.taken(), buffer.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Err(Reason::System("it changed while it was read".into()));
        }
        hashing.take(buffer.get(..count).unwrap_or_default());
    }
    Ok(hashing.done())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{STEP, digest_of};
    use crate::{Digest, ReadAt, Reason};

    /// The examples of FIPS 180-4's own companion, and a message of many blocks.
    #[test]
    fn digests_are_those_of_the_standard() {
        let hex = |bytes: &[u8]| {
            let digest = digest_of(&mut &*bytes, u64::MAX).unwrap();
            assert_eq!(digest.size, bytes.len() as u64);
            digest.sha256.unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let million = "a".repeat(1_000_000);
        assert!(million.len() > STEP);
        assert_eq!(
            hex(million.as_bytes()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }

    /// A file that says it is longer than it is, and counts what is read of it.
    struct Odd {
        size: u64,
        there: u64,
        read: u64,
    }
    impl ReadAt for Odd {
        fn size(&self) -> u64 {
            self.size
        }
        fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
            let count = self.there.saturating_sub(at).min(buffer.len() as u64);
            self.read += count;
            Ok(usize::try_from(count).unwrap())
        }
    }

    #[test]
    fn a_file_longer_than_the_limit_is_not_read() {
        let mut file = Odd { size: 1 << 42, there: 1 << 42, read: 0 };
        let told = digest_of(&mut file, (1 << 42) - 1).unwrap();
        assert_eq!((told, file.read), (Digest { size: 1 << 42, sha256: None }, 0));
    }

    #[test]
    fn a_file_that_shrinks_is_not_told_as_another() {
        let told = digest_of(&mut Odd { size: 9, there: 4, read: 0 }, 9).unwrap_err();
        assert_eq!(told.to_string(), "it changed while it was read");
    }
}
