//! What is read of Python source at most, as the constants that the reader compares with.

/// The largest source that is read, in bytes.
pub const SOURCE: usize = 4 << 20;
/// How deep brackets may lie within each other: `MAXLEVEL` of CPython's tokenizer.
pub const BRACKETS: usize = 200;
/// How deep blocks may be indented: `MAXINDENT` of CPython's tokenizer, which counts the outermost as one.
pub const INDENTS: usize = 100;
/// How many operators and keywords that nest may stand in one chain (`a + b + c`, `- - a`, `a.b.c`) before it is handed to the
/// parser. CPython's compiler gives up after some thousands.
pub const CHAIN: usize = 50_000;
/// How deep the tree may become: statements and expressions within each other. A walk over the tree may recurse.
pub const DEPTH: usize = 1_000;
/// How many links a chain of one kind may have before it is folded: `a + b + …` becomes a balanced tree of the same leaves in the
/// same order, an `elif` chain is cut into groups of this length.
pub const LINKS: usize = 100;
/// The stack on which deep source is parsed and dropped, in bytes. Its pages cost nothing until they are touched.
pub const STACK: usize = 64 << 20;
