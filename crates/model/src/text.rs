//! Text from outside, kept as its raw bytes and without `Display`, so that no report can print it unescaped.

use std::fmt;

/// Raw bytes that came from an image, a lock or an engine, or a sentence that holds such bytes.
///
/// It has no `Display`: each report format escapes it in one place. Bytes that are no UTF-8 are kept.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// An empty text.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text when it is UTF-8, else `None`.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text with every byte that is no UTF-8 replaced by U+FFFD; for comparing and searching, never for showing.
    #[must_use]
    pub fn to_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends another text.
    pub fn push(&mut self, more: &(impl Say + ?Sized)) {
        more.say(self);
    }

    /// The texts with `between` put between each two.
    #[must_use]
    pub fn join<T: Say>(parts: impl IntoIterator<Item = T>, between: &str) -> Self {
        let mut out = Self::new();
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                out.0.extend_from_slice(between.as_bytes());
            }
            part.say(&mut out);
        }
        out
    }
}

/// What can become part of a sentence.
pub trait Say {
    /// Appends itself to `out`.
    fn say(&self, out: &mut Text);
}

impl Say for Text {
    fn say(&self, out: &mut Text) {
        out.0.extend_from_slice(&self.0);
    }
}
impl Say for str {
    fn say(&self, out: &mut Text) {
        out.0.extend_from_slice(self.as_bytes());
    }
}
impl Say for String {
    fn say(&self, out: &mut Text) {
        self.as_str().say(out);
    }
}
impl Say for [u8] {
    fn say(&self, out: &mut Text) {
        out.0.extend_from_slice(self);
    }
}
impl Say for crate::Name {
    fn say(&self, out: &mut Text) {
        self.as_str().say(out);
    }
}
impl<T: Say + ?Sized> Say for &T {
    fn say(&self, out: &mut Text) {
        (**self).say(out);
    }
}
macro_rules! say_number {
    ($($t:ty),*) => {$(impl Say for $t {
        fn say(&self, out: &mut Text) { self.to_string().say(out); }
    })*};
}
say_number!(u8, u16, u32, u64, usize, i32, i64);

/// Puts a sentence together: `say!(name, " ", version, " is installed")`.
#[macro_export]
macro_rules! say {
    ($($part:expr),* $(,)?) => {{
        let mut out = $crate::Text::new();
        $( out.push(&$part); )*
        out
    }};
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}
impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}
impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}
impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}
impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}
impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}
impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
