//! Versions, specifiers, markers, requirements and requirement files, exactly as PyPI's `packaging` 26.3 and pip 26.3
//! read them; every parse keeps spans, markers have three values, files come through a [`Reader`](file::Reader).

mod change;
mod cursor;
mod error;
pub mod file;
pub mod fuzz;
pub mod limits;
mod link;
mod marker;
mod mask;
mod requirement;
mod specifier;
mod version;
mod wheel_name;

pub use change::Difference;
pub use cursor::Span;
pub use error::{Fault, ParseError};
pub use file::{OptionFault, Refusal};
pub use link::{Link, LinkFault, LinkKind, Origin, ssh_of_scp};
pub use marker::{Comparator, Comparison, Marker, Operand, Term, Truth, Undefined, Value, Variable};
pub use mask::masked;
pub use requirement::Requirement;
pub use specifier::{Operator, Prereleases, Specifier, SpecifierSet, Wanted};
pub use version::{Number, PreKind, Version};
pub use wheel_name::{SdistName, WheelName};
