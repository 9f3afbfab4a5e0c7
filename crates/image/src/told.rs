//! What a source finds out about its own way of reading while it answers: which way it took in the end, and why.

use std::sync::{Arc, Mutex, PoisonError};

use envdiff_model::{Target, Text};

/// Shared by a source and whoever opened it; asked when the conversation is over.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    gathered_by: Option<&'static str>,
    notices: Vec<Text>,
}

impl Told {
    /// The way that is taken from now on, and why the one before was left.
    pub(crate) fn change(&self, gathered_by: &'static str, why: impl Into<Text>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.gathered_by = Some(gathered_by);
        inner.notices.push(why.into());
    }

    /// Something that is worth a line under `-v`.
    pub(crate) fn notice(&self, what: impl Into<Text>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).notices.push(what.into());
    }

    /// Puts what was found out into the target, once; later calls add what came since.
    pub fn complete(&self, target: &mut Target) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = inner.gathered_by.take() {
            target.gathered_by = way;
        }
        target.notices.append(&mut inner.notices);
    }
}

#[cfg(test)]
mod tests {
    use envdiff_model::{Target, TargetKind, Text};

    use super::Told;

    #[test]
    fn the_last_way_counts_and_every_reason_stays() {
        let told = Told::default();
        let mut target = Target {
            kind: TargetKind::Docker,
            name: Text::from("x"),
            id: None,
            platform: None,
            gathered_by: "walker",
            layers: None,
            notices: vec![Text::from("a")],
        };
        told.complete(&mut target);
        assert_eq!(target.gathered_by, "walker");
        told.change("export", "b");
        told.notice("c");
        told.complete(&mut target);
        told.complete(&mut target);
        assert_eq!(target.gathered_by, "export");
        assert_eq!(target.notices, ["a", "b", "c"].map(Text::from));
    }
}
