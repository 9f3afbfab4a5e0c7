//! Rows to lines in columns without borders, as wide as the view allows where cells may be broken.

use comfy_table::{ContentArrangement, Table, presets};

use crate::View;

/// Columns between two cells.
const GAP: u16 = 2;

/// Cells in columns.
pub(crate) struct Columns(Table);

impl Columns {
    /// Cells are never broken, so that paths in them can be copied.
    pub(crate) fn whole() -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        Self(table)
    }

    /// Long cells are broken to fit the view.
    pub(crate) fn fitting(view: &View<'_>) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(view.width).unwrap_or(u16::MAX));
        Self(table)
    }

    /// Adds a row; its first one is the header where there is one.
    pub(crate) fn row<const N: usize>(&mut self, cells: [impl Into<String>; N]) {
        self.0.add_row(cells.map(Into::into));
    }

    /// The lines, nothing behind their last word.
    pub(crate) fn lines(mut self) -> Vec<String> {
        for column in self.0.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        self.0.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}
