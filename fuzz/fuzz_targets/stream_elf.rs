//! Any bytes as an ELF file that passes by in a tar, with zeros put into it so that its tables lie far apart: what the stream tells
//! is what the file tells that lies there whole, or that it was not kept.
#![no_main]

use std::sync::Arc;

use envdiff_files::{Answered, Ask, ImagePath, Likely, Literal, Pattern, Reply, Source as _};
use envdiff_image::answer_stream_bytes;

const PATTERN: Pattern = Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 64 };
const LIKELY: Likely =
    Likely { elf: &[".so"], scans: &[("libany", ".rodata", PATTERN)], limit: 1 << 20, ..Likely::NONE };
const NAME: &str = "/usr/lib/libany.so";

/// A tar with the one file.
fn tar(content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    let size = format!("{:011o}\0", content.len());
    for (at, field) in [(0, &NAME[1..]), (100, "0000644\0"), (124, &size), (148, "        "), (156, "0"), (257, "ustar\x0000")] {
        header[at..at + field.len()].copy_from_slice(field.as_bytes());
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512) + 1_024, 0);
    out
}

/// Without the layer, which a file that lies there alone has none of.
fn said(reply: &Reply) -> String {
    match reply {
        Reply::Answered(Answered { answer, real, .. }) => format!("{answer:?} at {real:?}"),
        other => format!("{other:?}"),
    }
}

// The last bytes say where the zeros come and how many.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((bytes, [low, high, count])) = bytes.split_last_chunk() else { return };
    let at = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
    let content = [&bytes[..at], &vec![0; usize::from(*count) << 12], &bytes[at..]].concat();
    let path = ImagePath::new(NAME).expect("a path");
    let asks = [Ask::Elf(path.clone()), Ask::Scan { path, section: ".rodata", pattern: PATTERN }];
    let tar: Arc<[u8]> = tar(&content).into();
    let told = answer_stream_bytes(&tar, &LIKELY, &asks).expect("a tar");
    let Ok(truth) = Literal::new().file(NAME, content).answer(&asks);
    for (told, truth) in told.iter().zip(&truth) {
        let (told, truth) = (said(told), said(truth));
        assert!(told == truth || told.contains("it was not kept"), "{told}\n{truth}");
    }
});
