//! Any bytes as an ELF file: its view and a search in it, within the bounds, and the same again from nothing but the parts that
//! a bundle would keep.
#![no_main]

use envdiff_files::{Answer, ElfQuestion, ElfReading, MAX_SCAN, MAX_VIEW, Pattern, Reason, Turn};

const PATTERN: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 64 };

fn read<'a>(
    question: ElfQuestion,
    size: u64,
    mut part: impl FnMut(u64, u64, bool) -> Option<Vec<u8>> + 'a,
) -> (Result<Answer, Reason>, ElfReading) {
    let mut reading = ElfReading::new(question, size);
    let mut total = 0;
    loop {
        let (ranges, search) = match reading.turn() {
            Turn::Done(answer) => return (answer, reading),
            Turn::Read(ranges) => (ranges, false),
            Turn::Search(ranges, _) => (ranges, true),
        };
        for (at, len) in ranges {
            total += len;
            assert!(len > 0 && at + len <= size && total <= MAX_VIEW + MAX_SCAN);
            let bytes = part(at, len, search).expect("kept");
            reading.take(at, bytes);
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for question in [ElfQuestion::View, ElfQuestion::Scan { section: ".rodata", pattern: PATTERN }] {
        let size = bytes.len() as u64;
        let all = |at: u64, len: u64, _| Some(bytes[at as usize..(at + len) as usize].to_vec());
        let (answer, reading) = read(question, size, all);
        // What is kept is the file's; what was searched is zeros.
        let mut kept = vec![None; bytes.len()];
        for (at, part) in reading.kept() {
            for (offset, byte) in part.iter().enumerate() {
                kept[at as usize + offset] = Some(*byte);
            }
        }
        let searched = reading.searched().unwrap_or_default();
        let again = |at: u64, len: u64, search: bool| {
            let byte = |at: u64| {
                let blank = search && at >= searched.0 && at - searched.0 < searched.1;
                kept[at as usize].or(blank.then_some(0))
            };
            (at..at + len).map(byte).collect()
        };
        let (second, _) = read(question, size, again);
        assert_eq!(format!("{answer:?}"), format!("{second:?}"));
    }
});
