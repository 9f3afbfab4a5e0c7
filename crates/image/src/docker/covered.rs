//! A source of a container's own files in, the same with what the container has mounted over them told as unreadable.

use envdiff_files::{Answer, Ask, ImagePath, Likely, Reason, Reply, Source};

use crate::ImageError;

/// A source whose files below some paths are not those that a process in the container sees.
pub(crate) struct Covered<S> {
    inner: S,
    mounts: Vec<ImagePath>,
}

impl<S: Source<Error = ImageError>> Covered<S> {
    pub(crate) fn new(inner: S, mounts: Vec<ImagePath>) -> Self {
        Self { inner, mounts }
    }

    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    fn mount_over(&self, real: &ImagePath) -> Option<&ImagePath> {
        self.mounts.iter().find(|mount| real.is_below(mount))
    }

    /// The mount that an absent path lies below, its folders' links followed as far as they are there.
    fn mount_over_absent(&mut self, path: &ImagePath) -> Result<Option<ImagePath>, ImageError> {
        let mut behind: Vec<Vec<u8>> = Vec::new();
        let mut folder = path.clone();
        loop {
            behind.push(folder.file_name().to_vec());
            let Some(above) = folder.parent() else { return Ok(None) };
            folder = above;
            let reply = self.inner.answer(&[Ask::Stat(folder.clone())])?.into_iter().next();
            if let Some(Reply::Answered(answered)) = reply {
                let mut real = answered.real;
                for part in behind.iter().rev() {
                    match real.join(part) {
                        Some(longer) => real = longer,
                        None => return Ok(None),
                    }
                }
                return Ok(self.mount_over(&real.normalised()).cloned());
            }
        }
    }
}

impl<S: Source<Error = ImageError>> Source for Covered<S> {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.inner.expect(likely);
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        let mut replies = self.inner.answer(asks)?;
        if self.mounts.is_empty() {
            return Ok(replies);
        }
        for (ask, reply) in asks.iter().zip(&mut replies) {
            let mount = match reply {
                Reply::Answered(answered) => match &answered.answer {
                    // A tree that a mount lies in would be told without it.
                    Answer::Tree(_) => self
                        .mount_over(&answered.real)
                        .or_else(|| self.mounts.iter().find(|mount| mount.is_below(&answered.real)))
                        .cloned(),
                    _ => self.mount_over(&answered.real).cloned(),
                },
                Reply::Absent => self.mount_over_absent(ask.path())?,
                // What the file says there of itself is not what a process sees.
                Reply::Unreadable(Reason::Elf(_) | Reason::Zip(_)) => {
                    match self.inner.answer(&[Ask::Stat(ask.path().clone())])?.pop() {
                        Some(Reply::Answered(answered)) => self.mount_over(&answered.real).cloned(),
                        _ => None,
                    }
                }
                Reply::Unreadable(_) => None,
            };
            if let Some(mount) = mount {
                *reply = Reply::Unreadable(Reason::BelowVolume(mount));
            }
        }
        Ok(replies)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
    use envdiff_files::{Ask, ImagePath, Likely, Literal, Reason, Reply, Source};

    use super::Covered;
    use crate::ImageError;

    struct Files(Literal);

    impl Source for Files {
        type Error = ImageError;
        fn expect(&mut self, _: &Likely) {}
        fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
            Ok(self.0.answer(asks).unwrap_or_default())
        }
    }

    #[test]
    fn what_is_mounted_over_is_unreadable_also_through_links() {
        let path = |text: &str| ImagePath::new(text).unwrap();
        let files =
            Literal::new().file("/data/x", "").file("/etc/y", "").link("/d", "/data").folder("/top/in");
        let mut covered = Covered::new(Files(files), vec![path("/data"), path("/top/in/deep")]);
        let stat = |text: &str| Ask::Stat(path(text));
        let tree = |text: &str| Ask::Tree { path: path(text), depth: 9, suffixes: Vec::new() };
        let asks = [
            stat("/data/x"),
            stat("/d/x"),
            stat("/d/gone/at/all"),
            stat("/data/gone"),
            tree("/top"),
            stat("/etc/y"),
            stat("/gone"),
            tree("/etc"),
            Ask::Elf(path("/d/x")),
            Ask::Zip(path("/data/x")),
            Ask::Elf(path("/etc/y")),
        ];
        let replies = covered.answer(&asks).unwrap();
        for (at, reply) in replies.iter().enumerate().filter(|(at, _)| [0, 1, 2, 3, 4, 8, 9].contains(at)) {
            assert!(matches!(reply, Reply::Unreadable(Reason::BelowVolume(_))), "{at}: {reply:?}");
        }
        assert!(matches!(replies[5], Reply::Answered(_)));
        assert!(matches!(replies[6], Reply::Absent));
        assert!(matches!(replies[7], Reply::Answered(_)));
        assert!(matches!(replies[10], Reply::Unreadable(Reason::Elf(_))));
    }
}
