//! How a report is to be shown: what the command line and the terminal decide, for every format.

use std::time::Duration;

use envdiff_model::Why;

/// How much is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// `-q`: the verdict line and one line for each error.
    Quiet,
    /// At most ten findings of a check.
    #[default]
    Normal,
    /// `-v`: all findings, the accepted ones too, what is unknown, and how the target was read.
    Verbose,
    /// `-vv`: every requirement with its verdict, and what the reading cost.
    Full,
}

/// What the reading cost; told under `-vv`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Batches of questions.
    pub rounds: usize,
    /// Questions.
    pub questions: usize,
    /// Bytes of files that came back.
    pub bytes: u64,
}

/// How to show a report.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// Columns.
    pub width: usize,
    /// How much.
    pub detail: Detail,
    /// How long the run took; `None` leaves it out, so that two runs can be compared.
    pub elapsed: Option<Duration>,
    /// What the reading cost.
    pub cost: Option<Cost>,
    /// `--why`: everything known of one package of the first audit, in place of the findings about others.
    pub why: Option<&'a Why>,
    /// Also the way that each prediction for an archive took, as from `-v` on.
    pub steps: bool,
}

impl View<'_> {
    /// Columns where nothing tells how many there are.
    pub const WIDTH: usize = 80;
}

impl Default for View<'_> {
    fn default() -> Self {
        Self {
            width: Self::WIDTH,
            detail: Detail::Normal,
            elapsed: None,
            cost: None,
            why: None,
            steps: false,
        }
    }
}
