//! A row of a table comes in; its values, checked, and the Rust code that writes them come out.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::versions::{Capability, CudaVersion, DriverVersion, Minor, Numbers, Variant};

/// What every table opens with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    checked: String,
    newest: Option<String>,
}

/// The day of a table, as code.
pub fn checked(meta: &Meta) -> Result<String, String> {
    date(&meta.checked).ok_or_else(|| format!("[meta]: checked: {:?} is no day", meta.checked))?;
    let mut code = format!(
        "/// The day on which this table was last compared with its sources.\npub static CHECKED: &str = {:?};\n",
        meta.checked
    );
    if let Some(newest) = &meta.newest {
        Numbers::parse(newest).ok_or_else(|| format!("[meta]: newest: {newest:?} is no version"))?;
        code.push_str(&format!(
            "/// The newest release that the package index had on that day.\npub static NEWEST: &str = {newest:?};\n"
        ));
    }
    Ok(code)
}

/// Reads a table; what serde says names the line.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|e| e.to_string())
}

/// A year-month-day, as it is written.
pub fn date(text: &str) -> Option<&str> {
    let mut parts = text.split('-');
    let number = |text: Option<&str>, digits| {
        text.filter(|t| t.len() == digits && t.bytes().all(|b| b.is_ascii_digit()))?.parse::<u16>().ok()
    };
    let (_, month, day) = (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
    (parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(text)
}

/// Where a value stands: the table, the row's number from one, and what the row is called.
pub struct At<'a> {
    table: &'a str,
    /// From one; rows that have no order of their own keep that of the file.
    pub row: usize,
    name: String,
}

impl At<'_> {
    /// What is wrong, with its place.
    pub fn fault(&self, what: impl std::fmt::Display) -> String {
        format!("[[{}]] row {} ({}): {what}", self.table, self.row, self.name)
    }

    /// A value that a reader must take.
    pub fn take<T>(&self, column: &str, text: &str, reader: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        reader(text).ok_or_else(|| self.fault(format_args!("{column}: {text:?} cannot be read")))
    }

    /// The same where the column may be left out.
    pub fn maybe<T>(
        &self,
        column: &str,
        text: Option<&String>,
        reader: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        text.map(|text| self.take(column, text, reader)).transpose()
    }

    /// The same for each of a list.
    pub fn each<T>(
        &self,
        column: &str,
        texts: &[String],
        reader: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, String> {
        texts.iter().map(|text| self.take(column, text, &reader)).collect()
    }

    /// A text that says something.
    pub fn text<'t>(&self, column: &str, text: &'t str) -> Result<&'t str, String> {
        if text.trim().is_empty() {
            return Err(
                self.fault(format_args!("{column}: is empty; a column that is not known is left out"))
            );
        }
        Ok(text)
    }

    /// The same where the column may be left out.
    pub fn text_if<'t>(&self, column: &str, text: Option<&'t String>) -> Result<Option<&'t str>, String> {
        text.map(|text| self.text(column, text)).transpose()
    }

    /// The same for each of a list.
    pub fn texts<'t>(&self, column: &str, texts: &'t [String]) -> Result<Vec<&'t str>, String> {
        texts.iter().map(|text| self.text(column, text)).collect()
    }

    /// `a-b`, or `a` for a range of one.
    pub fn range<T: PartialOrd + Copy>(
        &self,
        column: &str,
        text: &str,
        reader: impl Fn(&str) -> Option<T>,
    ) -> Result<(T, T), String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (self.take(column, first, &reader)?, self.take(column, last, &reader)?);
        if first > last {
            return Err(self.fault(format_args!("{column}: {text:?} runs backwards")));
        }
        Ok((first, last))
    }
}

/// Writes the rows of a table as a static slice. `key` orders them: strictly rising, which makes them unique too.
pub fn rows<R, K: PartialOrd>(
    out: &mut String,
    (table, constant, kind): (&str, &str, &str),
    rows: &[R],
    name: impl Fn(&R) -> String,
    each: impl Fn(&At<'_>, &R) -> Result<(K, String), String>,
) -> Result<(), String> {
    if rows.is_empty() {
        return Err(format!("[[{table}]] has no rows"));
    }
    out.push_str(&format!("/// Every row of `{table}`, in order.\npub static {constant}: &[{kind}] = &[\n"));
    let mut before: Option<K> = None;
    for (index, row) in rows.iter().enumerate() {
        let at = At { table, row: index + 1, name: name(row) };
        let (key, code) = each(&at, row)?;
        if before.as_ref().is_some_and(|before| before.partial_cmp(&key) != Some(std::cmp::Ordering::Less)) {
            return Err(at.fault("stands twice, or not in order"));
        }
        before = Some(key);
        out.push_str(&format!("    {code},\n"));
    }
    out.push_str("];\n");
    Ok(())
}

/// What can be written as a constant.
pub trait Code {
    /// The expression.
    fn code(&self) -> String;
}

macro_rules! code_by_debug {
    ($($kind:ty),*) => { $(impl Code for $kind { fn code(&self) -> String { format!("{self:?}") } })* };
}
code_by_debug!(&str, bool, u8, u16, u32);

impl Code for CudaVersion {
    fn code(&self) -> String {
        format!("CudaVersion::new({}, {})", self.major, self.minor)
    }
}

impl Code for DriverVersion {
    fn code(&self) -> String {
        format!("DriverVersion::new({}, {}, {})", self.branch, self.minor, self.patch)
    }
}

impl Code for Capability {
    fn code(&self) -> String {
        format!("Capability::new({}, {})", self.major, self.minor)
    }
}

impl Code for Minor {
    fn code(&self) -> String {
        format!("Minor::new({}, {})", self.major, self.minor)
    }
}

impl Code for Numbers {
    fn code(&self) -> String {
        format!("Numbers({:?})", self.0)
    }
}

impl Code for Variant {
    fn code(&self) -> String {
        match self {
            Self::Cuda(version) => format!("Variant::Cuda({})", version.code()),
            // The names of the others are those of the code.
            other => format!("Variant::{other:?}"),
        }
    }
}

impl<T: Code> Code for Option<T> {
    fn code(&self) -> String {
        self.as_ref().map_or_else(|| "None".into(), |value| format!("Some({})", value.code()))
    }
}

impl<T: Code> Code for Vec<T> {
    fn code(&self) -> String {
        format!("&[{}]", self.iter().map(Code::code).collect::<Vec<_>>().join(", "))
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn code(&self) -> String {
        format!("({}, {})", self.0.code(), self.1.code())
    }
}

/// A name of the code itself: the variant of an enum.
pub struct Named(pub String);

impl Code for Named {
    fn code(&self) -> String {
        self.0.clone()
    }
}

/// `row!("Gpu", name: expression, …)`: a struct's constant.
macro_rules! row {
    ($kind:literal, $($field:ident: $value:expr),+ $(,)?) => {{
        let fields = [$(format!("{}: {}", stringify!($field), $crate::tables::code::Code::code(&$value))),+];
        format!("{} {{ {} }}", $kind, fields.join(", "))
    }};
}
pub(crate) use row;
