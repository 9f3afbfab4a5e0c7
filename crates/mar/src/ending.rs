//! What a fault does to the load: the outcome and the stage in each of the two ways of loading.

use envdiff_model::{Evidence, Fault, Outcome, Spot, Stage, Text, Trouble, Weight};

use crate::value::At;

/// How a fault ends the load (TorchServe, ModelServer.java and ManagementRequestHandler.java).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// An exception that nobody catches: at start the whole server ends.
    Stop,
    /// At start the model is left out, with a warning in the log; register answers with an error.
    Skip,
    /// The model is registered, and its workers die.
    Dead,
    /// Name and version are taken: at start the whole server ends, register answers 409.
    Taken,
    /// Register alone refuses it; at start it is loaded.
    RegisterOnly,
    /// The server itself does not start.
    NoServer,
    /// Whether it ends the load cannot be told from here.
    Unknown,
}

/// The end of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// At which stage its rule stands.
    pub stage: Stage,
    /// In which way.
    pub how: How,
    /// Index of the trouble that tells it, in the list that came with this.
    pub trouble: usize,
}

impl Ending {
    /// What happens when `load_models` loads it; `None` where this does not end that load.
    #[must_use]
    pub const fn at_startup(&self) -> Option<(Outcome, Stage)> {
        match self.how {
            How::Stop | How::Taken | How::NoServer => Some((Outcome::ServerFails, Stage::Server)),
            How::Skip | How::Dead => Some((Outcome::Fails, self.stage)),
            How::RegisterOnly => None,
            How::Unknown => Some((Outcome::Unknown, self.stage)),
        }
    }

    /// What happens when `POST /models` loads it; `None` where this does not end that load.
    #[must_use]
    pub const fn register(&self) -> Option<(Outcome, Stage)> {
        match self.how {
            How::Stop | How::Skip | How::Dead | How::RegisterOnly => Some((Outcome::Fails, self.stage)),
            How::Taken => Some((Outcome::Fails, Stage::Archive)),
            How::NoServer => Some((Outcome::Fails, Stage::Server)),
            How::Unknown => Some((Outcome::Unknown, self.stage)),
        }
    }
}

/// What was found out about one concern.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found<T> {
    /// The facts.
    pub facts: T,
    /// What was noticed.
    pub troubles: Vec<Trouble>,
    /// What ends the load, in the order in which the server comes to it; each names a trouble of this list.
    pub endings: Vec<Ending>,
}

impl<T> Found<T> {
    /// Facts without trouble.
    #[must_use]
    pub const fn clean(facts: T) -> Self {
        Self { facts, troubles: Vec::new(), endings: Vec::new() }
    }

    /// Adds what was noticed and ends nothing.
    pub(crate) fn notice(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }

    /// Adds what was noticed and ends the load.
    pub(crate) fn end(&mut self, how: How, trouble: Trouble) {
        let ending = Ending { stage: trouble.stage, how, trouble: self.troubles.len() };
        self.troubles.push(trouble);
        self.endings.push(ending);
    }

    /// The first thing that ends the load at start.
    #[must_use]
    pub fn at_startup(&self) -> Option<(Outcome, Stage)> {
        self.endings.iter().find_map(Ending::at_startup)
    }

    /// The first thing that ends the load by register.
    #[must_use]
    pub fn register(&self) -> Option<(Outcome, Stage)> {
        self.endings.iter().find_map(Ending::register)
    }
}

/// A trouble with what it always has.
pub(crate) fn trouble(fault: Fault, weight: Weight, stage: Stage, what: impl Into<Text>) -> Trouble {
    Trouble {
        fault,
        weight,
        stage,
        what: what.into(),
        message: Text::new(),
        at: None,
        line: Text::new(),
        evidence: Vec::new(),
        fix: Text::new(),
    }
}

/// The parts that a trouble sometimes has.
pub(crate) trait With: Sized {
    /// What the server or worker will say.
    fn says(self, message: impl Into<Text>) -> Self;
    /// Where it stands, with that line.
    fn at(self, file: &str, at: At, line: &str) -> Self;
    /// What else was seen.
    fn seen(self, path: impl Into<Text>, detail: impl Into<Text>) -> Self;
    /// What to do.
    fn fix(self, fix: impl Into<Text>) -> Self;
}

impl With for Trouble {
    fn says(mut self, message: impl Into<Text>) -> Self {
        self.message = message.into();
        self
    }
    fn at(mut self, file: &str, at: At, line: &str) -> Self {
        let At { line: number, column, end_column } = at;
        self.at = Some(Spot { file: file.into(), line: number, column, end_column });
        self.line = line.into();
        self
    }
    fn seen(mut self, path: impl Into<Text>, detail: impl Into<Text>) -> Self {
        self.evidence.push(Evidence::new(path, detail));
        self
    }
    fn fix(mut self, fix: impl Into<Text>) -> Self {
        self.fix = fix.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table "Outcome and stage of a verdict", measured on running servers.
    #[test]
    fn each_way_of_loading_has_its_outcome_and_stage() {
        use Outcome::{Fails, ServerFails};
        use Stage::{Archive, Config, Manifest, Server};
        for (how, stage, start, register) in [
            (How::Stop, Config, Some((ServerFails, Server)), Some((Fails, Config))),
            (How::Skip, Archive, Some((Fails, Archive)), Some((Fails, Archive))),
            (How::Dead, Manifest, Some((Fails, Manifest)), Some((Fails, Manifest))),
            (How::Taken, Manifest, Some((ServerFails, Server)), Some((Fails, Archive))),
            (How::RegisterOnly, Manifest, None, Some((Fails, Manifest))),
        ] {
            let ending = Ending { stage, how, trouble: 0 };
            assert_eq!((ending.at_startup(), ending.register()), (start, register), "{how:?}");
        }
    }
}
