//! Python source comes in; a tree of what it does comes out, or the place where this Python's grammar refuses it. The one user
//! of the Python parser.

pub mod tree;
