//! A `.npy` or `.npz` file comes in; the header of each array comes out, and the pickle of an array of objects (numpy,
//! `numpy/lib/format.py`).

use envdiff_files::{ReadAt, Reason};

use super::limits;
use super::pickle::{self, Pickle};
use super::stream::{Short, Stream};
use super::zip::{Content, Zip};

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub struct Npy {
    /// The header, a literal of Python: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    pub header: String,
    /// Its sizes, where they are readable.
    pub shape: Option<Vec<u64>>,
    /// Its type, where it is a simple one: `<f4`, `|O`.
    pub descr: Option<String>,
    /// The pickle that holds an array of objects.
    pub pickle: Option<Box<Pickle>>,
    /// What is wrong with it.
    pub fault: Option<NpyFault>,
}

/// What is wrong with an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NpyFault {
    /// The header is cut off or longer than is read.
    Header,
    /// A version of the format that is not known.
    Version(u8, u8),
    /// Fewer bytes than the sizes want.
    Data {
        /// How many bytes there should be.
        wants: u64,
        /// How many there are.
        has: u64,
    },
}

/// An archive of arrays.
#[derive(Debug, Clone, PartialEq)]
pub struct Npz {
    /// Names and arrays; `None` where one cannot be read.
    pub arrays: Vec<(String, Option<Npy>)>,
}

/// What every `.npy` file begins with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

impl Npy {
    /// Whether it holds objects, which are pickled.
    #[must_use]
    pub fn has_objects(&self) -> bool {
        self.pickle.is_some() || self.descr.as_deref().is_some_and(|descr| descr.contains('O'))
    }

    /// Reads the array that lies between these bytes of the file.
    pub(super) fn read(file: &mut dyn ReadAt, begin: u64, end: u64) -> Result<Self, Reason> {
        let mut out = Self { header: String::new(), shape: None, descr: None, pickle: None, fault: None };
        let mut stream = Stream::new(file, begin, end);
        let data = match out.head(&mut stream) {
            Ok(()) => stream.offset(),
            Err(Short::Unread(reason)) => return Err(reason),
            Err(Short::End | Short::TooLong) => {
                out.fault.get_or_insert(NpyFault::Header);
                return Ok(out);
            }
        };
        if out.fault.is_some() {
            return Ok(out);
        }
        out.descr = literal(&out.header, "'descr':");
        out.shape = shape(&out.header);
        if out.descr.as_deref().is_some_and(|descr| descr.ends_with('O')) {
            out.pickle = Some(Box::new(pickle::read(file, begin + data, end)));
        } else if let Some(wants) = out.bytes() {
            let has = (end - begin).saturating_sub(data);
            if has < wants {
                out.fault = Some(NpyFault::Data { wants, has });
            }
        }
        Ok(out)
    }

    fn head(&mut self, stream: &mut Stream<'_>) -> Result<(), Short> {
        stream.skip(MAGIC.len() as u64)?;
        let [major, minor] = stream.array()?;
        let length = match (major, minor) {
            (1, 0) => u64::from(u16::from_le_bytes(stream.array()?)),
            (2 | 3, 0) => u64::from(u32::from_le_bytes(stream.array()?)),
            _ => {
                self.fault = Some(NpyFault::Version(major, minor));
                return Ok(());
            }
        };
        if length > limits::NPY_HEADER {
            return Err(Short::TooLong);
        }
        let bytes = stream.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.header = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        Ok(())
    }

    /// How many bytes the data has.
    fn bytes(&self) -> Option<u64> {
        let descr = self.descr.as_deref()?;
        let mut width: u64 = descr.trim_start_matches(['<', '>', '|', '=']).get(1..)?.parse().ok()?;
        if descr.contains('U') {
            width = width.checked_mul(4)?;
        }
        self.shape.as_ref()?.iter().try_fold(width, |product, size| product.checked_mul(*size))
    }
}

/// The text in quotes behind a key.
fn literal(header: &str, key: &str) -> Option<String> {
    let rest = header.split_once(key)?.1.trim_start();
    let rest = rest.strip_prefix('\'')?;
    Some(rest.split_once('\'')?.0.to_owned())
}

fn shape(header: &str) -> Option<Vec<u64>> {
    let rest = header.split_once("'shape':")?.1.trim_start().strip_prefix('(')?;
    let inner = rest.split_once(')')?.0;
    inner.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}

impl Npz {
    /// Looks into the arrays of a zip.
    pub(super) fn read(file: &mut dyn ReadAt, zip: &Zip) -> Result<Self, Reason> {
        let mut arrays = Vec::new();
        for entry in zip.entries.iter().take(limits::NPZ_ARRAYS) {
            let Some(name) = entry.name.strip_suffix(".npy") else { continue };
            // A deflated array is inflated up to its header alone where it is large.
            let array = match Zip::content(file, entry, 16 << 20) {
                Ok(Content::Stored(begin, end)) => Some(Npy::read(file, begin, end)?),
                Ok(Content::Inflated(bytes)) => {
                    let mut inner = &*bytes;
                    let end = bytes.len() as u64;
                    Some(Npy::read(&mut inner, 0, end)?)
                }
                Err(_) => None,
            };
            arrays.push((name.to_owned(), array));
        }
        Ok(Self { arrays })
    }
}
