//! What is read of a file of weights, as the constants that the readers compare with and as rows of `docs/limits.md`.

use envdiff_model::{Amount, Limit, Past};

/// The most opcodes of a pickle (contract, section 7).
pub const PICKLE_OPCODES: u64 = 20_000_000;
/// The most values on an unpickler's stack.
pub const PICKLE_STACK: usize = 4_000_000;
/// The highest number of a memo that is kept.
pub const PICKLE_MEMO: usize = 6_000_000;
/// The most objects of a pickle that are told apart.
pub const PICKLE_OBJECTS: usize = 2_000_000;
/// The most elements of all tuples of a pickle together that are kept.
pub const PICKLE_TUPLES: usize = 8_000_000;
/// The most entries of all dictionaries of a pickle together that are kept.
pub const PICKLE_ENTRIES: usize = 1_000_000;
/// The most bytes of all strings of a pickle together that are kept.
pub const PICKLE_STRINGS: usize = 64 << 20;
/// The longest string of a pickle that is kept, in bytes.
pub const PICKLE_STRING: usize = 4_096;
/// The longest line of a pickle's text opcodes, in bytes.
pub const PICKLE_LINE: usize = 1 << 20;
/// The most different classes and functions that a pickle names.
pub const PICKLE_GLOBALS: usize = 100_000;
/// The most storages of a torch pickle that are kept.
pub const PICKLE_STORAGES: usize = 200_000;
/// The most pickles in bytes of a pickle that are read …
pub const PICKLE_NESTED: usize = 10_000;
/// … and how many of them in each other.
pub const NESTED_DEPTH: u8 = 4;
/// The largest compressed `data.pkl`, `constants.pkl` or text of a zip that is inflated, in bytes.
pub const ZIP_INFLATED: u64 = 256 << 20;
/// The most bytes of a file compressed as a whole that are read and inflated: what is longer is told as far as that.
pub const COMPRESSED: u64 = 64 << 20;
/// The most pickles behind the first one, or in a zip of anything, that are read.
pub const MORE_PICKLES: usize = 64;
/// The largest central directory of a zip of weights, in bytes (contract, section 7).
pub const ZIP_DIRECTORY: u64 = 256 << 20;
/// The most entries of a zip of weights.
pub const ZIP_ENTRIES: u64 = 1_000_000;
/// The largest code of a TorchScript archive that is read, all files together, in bytes.
pub const SCRIPT_CODE: u64 = 64 << 20;
/// The longest header of a safetensors file, in bytes: the format's own bound.
pub const SAFETENSORS_HEADER: u64 = 100_000_000;
/// The most fields of an ONNX model's top level and operator sets that are passed.
pub const ONNX_FIELDS: usize = 1_000_000;
/// The longest header of a `.npy` file, in bytes.
pub const NPY_HEADER: u64 = 1 << 20;
/// The most arrays of a `.npz` file that are looked into.
pub const NPZ_ARRAYS: usize = 10_000;

/// The rows of the table.
pub const LIMITS: &[Limit] = &[
    Limit::new(
        "opcodes of a pickle",
        Amount::Count(PICKLE_OPCODES),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::a_pickle_has_at_most_20_million_opcodes",
    ),
    Limit::new(
        "values on an unpickler's stack",
        Amount::count(PICKLE_STACK),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::the_stack_and_the_memo_are_bounded",
    ),
    Limit::new(
        "place of an unpickler's memo that lies near the others",
        Amount::count(PICKLE_MEMO),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::the_stack_and_the_memo_are_bounded",
    ),
    Limit::new(
        "objects of a pickle that are told apart",
        Amount::count(PICKLE_OBJECTS),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::objects_entries_and_strings_are_bounded",
    ),
    Limit::new(
        "elements of all tuples of a pickle",
        Amount::count(PICKLE_TUPLES),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::objects_entries_and_strings_are_bounded",
    ),
    Limit::new(
        "entries of all dictionaries of a pickle",
        Amount::count(PICKLE_ENTRIES),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::objects_entries_and_strings_are_bounded",
    ),
    Limit::new(
        "strings of a pickle together",
        Amount::bytes(PICKLE_STRINGS),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::objects_entries_and_strings_are_bounded",
    ),
    Limit::new(
        "string of a pickle",
        Amount::bytes(PICKLE_STRING),
        Past::Cut,
        "crates/mar/src/weights/limits.rs::strings_lines_and_names_are_bounded",
    ),
    Limit::new(
        "line of a pickle's text opcodes",
        Amount::bytes(PICKLE_LINE),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::strings_lines_and_names_are_bounded",
    ),
    Limit::new(
        "classes and functions that a pickle names",
        Amount::count(PICKLE_GLOBALS),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::strings_lines_and_names_are_bounded",
    ),
    Limit::new(
        "storages of a torch pickle",
        Amount::count(PICKLE_STORAGES),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::storages_are_bounded",
    ),
    Limit::new(
        "pickles in the bytes of a pickle",
        Amount::count(PICKLE_NESTED),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::pickles_in_pickles_are_bounded",
    ),
    Limit::new(
        "pickles in the bytes of each other",
        Amount::count(NESTED_DEPTH as usize),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::pickles_in_pickles_are_bounded",
    ),
    Limit::new(
        "compressed entry of a zip of weights, inflated",
        Amount::Bytes(ZIP_INFLATED),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::what_is_compressed_is_bounded",
    ),
    Limit::new(
        "file of weights compressed as a whole",
        Amount::Bytes(COMPRESSED),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::what_is_compressed_is_bounded",
    ),
    Limit::new(
        "pickles behind the first one",
        Amount::count(MORE_PICKLES),
        Past::Cut,
        "crates/mar/src/weights/limits.rs::what_is_compressed_is_bounded",
    ),
    Limit::new(
        "central directory of a zip of weights",
        Amount::Bytes(ZIP_DIRECTORY),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::directories_are_bounded",
    ),
    Limit::new(
        "entries of a zip of weights",
        Amount::Count(ZIP_ENTRIES),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::directories_are_bounded",
    ),
    Limit::new(
        "code of a TorchScript archive, all files together",
        Amount::Bytes(SCRIPT_CODE),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::directories_are_bounded",
    ),
    Limit::new(
        "header of a safetensors file",
        Amount::Bytes(SAFETENSORS_HEADER),
        Past::Unreadable,
        "crates/mar/src/weights/limits.rs::headers_are_bounded",
    ),
    Limit::new(
        "fields of an ONNX model that are passed",
        Amount::count(ONNX_FIELDS),
        Past::Unknown,
        "crates/mar/src/weights/limits.rs::headers_are_bounded",
    ),
    Limit::new(
        "header of a numpy array",
        Amount::Bytes(NPY_HEADER),
        Past::Unreadable,
        "crates/mar/src/weights/limits.rs::headers_are_bounded",
    ),
    Limit::new(
        "arrays of a numpy archive that are looked into",
        Amount::count(NPZ_ARRAYS),
        Past::Cut,
        "crates/mar/src/weights/limits.rs::headers_are_bounded",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use envdiff_files::{ReadAt, Reason};

    use super::{
        COMPRESSED, MORE_PICKLES, NESTED_DEPTH, NPY_HEADER, NPZ_ARRAYS, ONNX_FIELDS, PICKLE_ENTRIES,
        PICKLE_GLOBALS, PICKLE_LINE, PICKLE_MEMO, PICKLE_NESTED, PICKLE_OBJECTS, PICKLE_OPCODES,
        PICKLE_STACK, PICKLE_STORAGES, PICKLE_STRING, PICKLE_STRINGS, PICKLE_TUPLES, SAFETENSORS_HEADER,
        SCRIPT_CODE, ZIP_DIRECTORY, ZIP_ENTRIES, ZIP_INFLATED,
    };
    use crate::weights::pickle::{End, Pickle, Shape, read};
    use crate::weights::zip::{Entry, Zip, ZipFault};
    use crate::weights::{Kind, Weights};

    /// A file that is a begin, the same unit so many times, and an end; made as it is read.
    struct Repeated {
        begin: Vec<u8>,
        unit: Vec<u8>,
        times: u64,
        end: Vec<u8>,
    }
    impl ReadAt for Repeated {
        fn size(&self) -> u64 {
            (self.begin.len() + self.end.len()) as u64 + self.unit.len() as u64 * self.times
        }
        fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
            let (begin, unit) = (self.begin.len() as u64, self.unit.len() as u64);
            let tail = begin + unit * self.times;
            let count = buffer.len().min(usize::try_from(self.size().saturating_sub(at)).unwrap());
            let mut done = 0;
            while done < count {
                let place = at + done as u64;
                let from = if place < begin {
                    &self.begin[place as usize..]
                } else if place < tail {
                    &self.unit[((place - begin) % unit) as usize..]
                } else {
                    &self.end[(place - tail) as usize..]
                };
                let left = if place < tail { tail - place } else { u64::MAX };
                let part = from.len().min(count - done).min(usize::try_from(left).unwrap_or(usize::MAX));
                if unit == 1 && place >= begin && place < tail {
                    let many = (count - done).min(usize::try_from(left).unwrap());
                    buffer[done..done + many].fill(self.unit[0]);
                    done += many;
                    continue;
                }
                buffer[done..done + part].copy_from_slice(&from[..part]);
                done += part;
            }
            Ok(count)
        }
    }

    fn pickle(begin: &[u8], unit: &[u8], times: usize, end: &[u8]) -> Pickle {
        let mut file =
            Repeated { begin: begin.to_vec(), unit: unit.to_vec(), times: times as u64, end: end.to_vec() };
        let size = file.size();
        read(&mut file, 0, size)
    }

    #[test]
    fn a_pickle_has_at_most_20_million_opcodes() {
        let half = usize::try_from(PICKLE_OPCODES / 2).unwrap();
        let most = pickle(b"", b"N0", half - 1, b"N.");
        assert_eq!((most.end, most.opcodes), (End::Stop, PICKLE_OPCODES));
        assert_eq!(pickle(b"", b"N0", half, b"N.").end, End::TooLarge("opcodes"));
    }

    #[test]
    fn the_stack_and_the_memo_are_bounded() {
        assert_eq!(pickle(b"", b"N", PICKLE_STACK, b".").end, End::Stop);
        assert_eq!(pickle(b"", b"N", PICKLE_STACK + 1, b".").end, End::TooLarge("values on the stack"));
        assert_eq!(pickle(b"", b"(", PICKLE_STACK + 1, b".").end, End::TooLarge("marks"));
        // MEMOIZE fills one place after the other, and then those that lie far away.
        assert_eq!(pickle(b"N", b"\x94", PICKLE_MEMO + PICKLE_ENTRIES, b".").end, End::Stop);
        let past = pickle(b"N", b"\x94", PICKLE_MEMO + PICKLE_ENTRIES + 1, b".");
        assert_eq!(past.end, End::TooLarge("places of the memo"));
    }

    #[test]
    fn objects_entries_and_strings_are_bounded() {
        assert!(pickle(b"", b"]0", PICKLE_OBJECTS - 1, b"].").complete);
        assert!(!pickle(b"", b"]0", PICKLE_OBJECTS, b"].").complete);
        let most = pickle(b"}", b"NNs", PICKLE_ENTRIES, b".");
        assert!(most.complete);
        let past = pickle(b"}", b"NNs", PICKLE_ENTRIES + 1, b".");
        assert!(!past.complete);
        assert!(matches!(past.shape, Shape::Dict(entries) if entries.cut));
        let mut long = b"X".to_vec();
        long.extend_from_slice(&(PICKLE_STRING as u32).to_le_bytes());
        long.extend(vec![b'a'; PICKLE_STRING]);
        long.push(b'0');
        assert!(pickle(b"", &long, PICKLE_STRINGS / PICKLE_STRING, b"N.").complete);
        assert!(!pickle(b"", &long, PICKLE_STRINGS / PICKLE_STRING + 1, b"N.").complete);
        // A tuple of 64 numbers at a time.
        let mut tuple = b"(".to_vec();
        tuple.extend([b'N'; 64]);
        tuple.extend(b"t0");
        assert!(pickle(b"", &tuple, PICKLE_TUPLES / 64, b"N.").complete);
        assert!(!pickle(b"", &tuple, PICKLE_TUPLES / 64 + 1, b"N.").complete);
    }

    #[test]
    fn pickles_in_pickles_are_bounded() {
        let load = b"ctorch.storage\n_load_from_bytes\n";
        let one = [&load[..], b"C\x01.\x85R0"].concat();
        assert_eq!(pickle(b"", &one, PICKLE_NESTED, b"N.").nested.len(), PICKLE_NESTED);
        let past = pickle(b"", &one, PICKLE_NESTED + 1, b"N.");
        assert_eq!(past.nested.len(), PICKLE_NESTED);
        assert!(crate::weights::danger::judge(&past).iter().any(|danger| danger.called));
        let mut bytes = b"N.".to_vec();
        for depth in 0..=NESTED_DEPTH {
            let weights = crate::weights::Weights::read(&mut &*bytes).unwrap();
            assert_eq!(weights.pickles().len(), usize::from(depth) + 1);
            assert!(weights.dangers().is_empty());
            let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            bytes = [&load[..], b"B", &len, &bytes, b"\x85R."].concat();
        }
        // What lies deeper is not read, and that is told.
        assert_eq!(crate::weights::Weights::read(&mut &*bytes).unwrap().dangers().len(), 1);
    }

    #[test]
    fn strings_lines_and_names_are_bounded() {
        let text = |len: usize| {
            let mut begin = b"X".to_vec();
            begin.extend_from_slice(&(len as u32).to_le_bytes());
            pickle(&begin, b"a", len, b".").shape
        };
        assert!(matches!(text(PICKLE_STRING), Shape::Text(_)));
        assert_eq!(text(PICKLE_STRING + 1), Shape::Unknown);
        assert_eq!(pickle(b"F", b"1", PICKLE_LINE, b"\n.").end, End::Stop);
        assert_eq!(pickle(b"F", b"1", PICKLE_LINE + 1, b"\n.").end, End::TooLarge("a line"));
        let many = |count: usize| {
            let mut bytes = Vec::new();
            for number in 0..count {
                bytes.extend(format!("cm\nn{number}\n0").into_bytes());
            }
            bytes.extend(b"N.");
            let len = bytes.len() as u64;
            read(&mut &*bytes, 0, len).end
        };
        assert_eq!(many(PICKLE_GLOBALS), End::Stop);
        assert_eq!(many(PICKLE_GLOBALS + 1), End::TooLarge("classes and functions"));
    }

    #[test]
    fn storages_are_bounded() {
        let many = |count: usize| {
            let mut bytes = b"ctorch\nFloatStorage\nq\x000".to_vec();
            for number in 0..count {
                let key = number.to_string();
                bytes.extend(b"(X\x07\0\0\0storageh\0X");
                bytes.extend((key.len() as u32).to_le_bytes());
                bytes.extend(key.into_bytes());
                bytes.extend(b"X\x03\0\0\0cpuK\x01tQ0");
            }
            bytes.extend(b"N.");
            let len = bytes.len() as u64;
            read(&mut &*bytes, 0, len)
        };
        assert!(many(PICKLE_STORAGES).complete);
        let past = many(PICKLE_STORAGES + 1);
        assert_eq!((past.complete, past.storages.len()), (false, PICKLE_STORAGES));
    }

    #[test]
    fn what_is_compressed_is_bounded() {
        let entry = |packed: u64, size: u64| Entry {
            name: "a".to_owned(),
            method: 8,
            flags: 0,
            packed,
            size,
            local: 0,
        };
        let mut file =
            Repeated { begin: b"PK\x03\x04".to_vec(), unit: vec![0], times: 1 << 20, end: Vec::new() };
        let told = Zip::bytes(&mut file, &entry(1 << 19, ZIP_INFLATED + 1), ZIP_INFLATED).unwrap_err();
        assert_eq!(told, ZipFault::TooLarge("entry"));
        let told = Zip::bytes(&mut file, &entry(100, (64 << 20) + 1), ZIP_INFLATED).unwrap_err();
        assert_eq!(told, ZipFault::TooLarge("entry"));
        let told = Zip::bytes(&mut file, &entry(100, 64 << 20), ZIP_INFLATED).unwrap_err();
        assert_eq!(told, ZipFault::Damaged("deflated entry"));

        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, b"\x80\x04B").unwrap();
        std::io::Write::write_all(&mut gzip, &(COMPRESSED as u32).to_le_bytes()).unwrap();
        std::io::Write::write_all(&mut gzip, &vec![0; COMPRESSED as usize]).unwrap();
        std::io::Write::write_all(&mut gzip, b".").unwrap();
        let packed = gzip.finish().unwrap();
        let weights = Weights::read(&mut &*packed).unwrap();
        let end = weights.object().unwrap().end.clone();
        assert_eq!(end, End::TooLarge("bytes in a compressed file"));

        let pickles = b"\x80\x04N.".repeat(MORE_PICKLES + 2);
        assert_eq!(Weights::read(&mut &*pickles).unwrap().more.len(), MORE_PICKLES);
    }

    /// The end of a zip that says so much of its directory.
    fn end_record(entries: u64, len: u64, at: u64) -> Vec<u8> {
        let mut wide = b"PK\x06\x06".to_vec();
        wide.extend([0; 28]);
        wide.extend(entries.to_le_bytes());
        wide.extend(len.to_le_bytes());
        wide.extend(at.to_le_bytes());
        let place = at + len;
        wide.extend(b"PK\x06\x07\0\0\0\0");
        wide.extend(place.to_le_bytes());
        wide.extend([0; 4]);
        wide.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
        wide
    }

    #[test]
    fn directories_are_bounded() {
        let zip = |entries: u64, len: u64| {
            let mut file =
                Repeated { begin: Vec::new(), unit: vec![0], times: len, end: end_record(entries, len, 0) };
            Zip::read(&mut file).unwrap_err()
        };
        assert_eq!(zip(1, ZIP_DIRECTORY), ZipFault::Damaged("central directory"));
        assert_eq!(zip(1, ZIP_DIRECTORY + 1), ZipFault::TooLarge("central directory"));
        assert_eq!(zip(ZIP_ENTRIES, 100), ZipFault::Damaged("central directory"));
        assert_eq!(zip(ZIP_ENTRIES + 1, 100), ZipFault::TooLarge("entries"));
        let stored = |size: u64| {
            let entry =
                Entry { name: "a/code/x.py".to_owned(), method: 0, flags: 0, packed: size, size, local: 0 };
            let mut begin = b"PK\x03\x04".to_vec();
            begin.extend([0; 26]);
            let mut file = Repeated { begin, unit: vec![b' '], times: size, end: Vec::new() };
            Zip::bytes(&mut file, &entry, SCRIPT_CODE).map(|bytes| bytes.len() as u64)
        };
        assert_eq!(stored(SCRIPT_CODE), Ok(SCRIPT_CODE));
        assert_eq!(stored(SCRIPT_CODE + 1), Err(ZipFault::TooLarge("entry")));
    }

    #[test]
    fn headers_are_bounded() {
        let mut begin = (SAFETENSORS_HEADER + 1).to_le_bytes().to_vec();
        begin.extend(b"{\"");
        let mut file = Repeated { begin, unit: vec![b'a'], times: SAFETENSORS_HEADER, end: Vec::new() };
        let Kind::Safetensors(told) = Weights::read(&mut file).unwrap().kind else { unreachable!() };
        assert!(told.fault.unwrap().ends_with("header too large"));

        let npy = |len: u64| {
            let mut begin = b"\x93NUMPY\x02\0".to_vec();
            begin.extend((len as u32).to_le_bytes());
            let mut file = Repeated { begin, unit: vec![b' '], times: len, end: Vec::new() };
            let Kind::Npy(array) = Weights::read(&mut file).unwrap().kind else { unreachable!() };
            array.fault
        };
        assert_eq!(npy(NPY_HEADER), None);
        assert!(npy(NPY_HEADER + 1).is_some());

        let onnx = |fields: usize| {
            let times = fields as u64 - 2;
            let mut file =
                Repeated { begin: b"\x08\x08\x3a\0".to_vec(), unit: vec![0x28, 1], times, end: Vec::new() };
            let Kind::Onnx(model) = Weights::read(&mut file).unwrap().kind else { unreachable!() };
            model.whole
        };
        assert!(onnx(ONNX_FIELDS - 1));
        assert!(!onnx(ONNX_FIELDS + 1));

        let mut zip = Zip::default();
        for number in 0..=NPZ_ARRAYS {
            let name = format!("{number}.npy");
            zip.entries.push(Entry { name, method: 0, flags: 0, packed: 0, size: 0, local: 0 });
        }
        let arrays = crate::weights::numpy::Npz::read(&mut &b""[..], &zip).unwrap().arrays;
        assert_eq!(arrays.len(), NPZ_ARRAYS);
    }
}
