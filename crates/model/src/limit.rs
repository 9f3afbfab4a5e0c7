//! A bound that a reader keeps comes in as a row; the words of `docs/limits.md` come out.
//!
//! Each crate that reads foreign bytes has a `LIMITS` of these rows, made of the constants that its readers compare with,
//! so that the table cannot say what the readers do not do.

use std::fmt;

/// One bound on foreign input: a row of `docs/limits.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is bounded, in the field's words; no two rows have the same.
    pub of: &'static str,
    /// How much of it is read.
    pub most: Amount,
    /// What happens beyond.
    pub past: Past,
    /// The test that drives it past its bound: `crates/NAME/src/FILE.rs::name_of_the_test`.
    pub shown_by: &'static str,
}

impl Limit {
    /// A row.
    #[must_use]
    pub const fn new(of: &'static str, most: Amount, past: Past, shown_by: &'static str) -> Self {
        Self { of, most, past, shown_by }
    }
}

/// How much of something is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// How many.
    Count(u64),
    /// Characters; a byte that is no UTF-8 is one.
    Characters(u64),
    /// Seconds.
    Seconds(u64),
    /// How many bytes come out of one, once more than `beyond` bytes came out.
    Ratio {
        /// Bytes for one byte.
        to_one: u64,
        /// Bytes that may come out at any rate.
        beyond: u64,
    },
}

impl Amount {
    /// Bytes, of a constant that is a size in memory.
    #[must_use]
    pub const fn bytes(most: usize) -> Self {
        Self::Bytes(most as u64)
    }

    /// How many, of a constant that is a length in memory.
    #[must_use]
    pub const fn count(most: usize) -> Self {
        Self::Count(most as u64)
    }

    /// Characters, of a constant that is a length in memory.
    #[must_use]
    pub const fn characters(most: usize) -> Self {
        Self::Characters(most as u64)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Bytes(most) => write!(f, "{}", size(most)),
            Self::Count(most) => write!(f, "{}", grouped(most)),
            Self::Characters(most) => write!(f, "{} characters", grouped(most)),
            Self::Seconds(most) => write!(f, "{most} s"),
            Self::Ratio { to_one, beyond } => write!(f, "{} : 1 beyond {}", grouped(to_one), size(beyond)),
        }
    }
}

/// `4 MiB`, `16 KiB`, `4,096 bytes`: the largest unit that leaves a whole number above four.
fn size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        // A path of "4 KiB" is how nobody calls it.
        if bytes > 4 << 10 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", grouped(bytes >> shift));
        }
    }
    format!("{} bytes", grouped(bytes))
}

/// `2,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What happens to what is larger than a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Past {
    /// The lock or the target is refused with one message and status 2.
    Refused,
    /// The one file, folder or zip is told as unreadable with the reason, never as absent.
    Unreadable,
    /// What rests on it is told as unknown with the reason, and what is missing from it as not determined.
    Unknown,
    /// The one line is a requirement that no installer takes, told with the reason.
    Invalid,
    /// It is left out where it would be shown; what is audited is whole.
    Cut,
}

impl Past {
    /// A clause for the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "the lock or target is refused, status 2",
            Self::Unreadable => "told as unreadable, with the reason",
            Self::Unknown => "told as unknown, with the reason",
            Self::Invalid => "the one requirement is told as invalid",
            Self::Cut => "cut where it is shown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Amount;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (amount, text) in [
            (Amount::Bytes(4_096), "4,096 bytes"),
            (Amount::Bytes(16 << 10), "16 KiB"),
            (Amount::Bytes(256 << 20), "256 MiB"),
            (Amount::Bytes(1 << 30), "1 GiB"),
            (Amount::Count(40), "40"),
            (Amount::Count(200_000), "200,000"),
            (Amount::Count(2_000_000), "2,000,000"),
            (Amount::Characters(4_096), "4,096 characters"),
            (Amount::Seconds(30), "30 s"),
            (Amount::Ratio { to_one: 1_000, beyond: 64 << 20 }, "1,000 : 1 beyond 64 MiB"),
        ] {
            assert_eq!(amount.to_string(), text);
        }
    }
}
