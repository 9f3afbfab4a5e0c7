//! Why a target could not be read: each variant is the message that the user reads, and names its input.

/// Everything that keeps a target from being audited (exit status 2), or ends it (130, 143).
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// SIGINT or SIGTERM while the engine was at work; what had been started is gone.
    #[error("interrupted")]
    Interrupted {
        /// The signal's number: 2 or 15.
        signal: i32,
    },
}
