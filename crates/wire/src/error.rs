//! Why a snapshot cannot be read again: each variant is a clause that fits behind the file's name and a colon.

/// What keeps bytes from being a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes are no JSON, or JSON of another shape.
    #[error("not a snapshot: {what} (line {line}, column {column})")]
    Shape {
        /// What the JSON reader met.
        what: String,
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// JSON without the key `schema`.
    #[error(
        "not a snapshot: the key \"schema\" is not there (`envdiff inspect --format json` writes snapshots)"
    )]
    NoSchema,
    /// Something else that envdiff or another tool wrote.
    #[error("not a snapshot: its schema is {found:?} (`envdiff inspect --format json` writes snapshots)")]
    OtherSchema {
        /// The value of `schema`.
        found: String,
    },
    /// A snapshot of another version.
    #[error(
        "its schema is {found:?}, and this envdiff reads {known:?}: write the snapshot again with this version, or use the one that wrote it"
    )]
    OtherVersion {
        /// The value of `schema`.
        found: String,
        /// What this version reads.
        known: &'static str,
    },
    /// A word that stands for none of the choices.
    #[error("not a snapshot: {key} is {found:?}, which is none of its words")]
    Word {
        /// Where.
        key: &'static str,
        /// What stands there.
        found: String,
    },
}

impl SnapshotError {
    pub(crate) fn shape(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // serde_json ends its message with the place, which is told here in its own fields.
        let what = match text.rfind(" at line ") {
            Some(at) => text.get(..at).map_or_else(String::new, str::to_owned),
            None => text,
        };
        Self::Shape { what, line: error.line(), column: error.column() }
    }
}
