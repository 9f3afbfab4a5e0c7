//! Archives without an image go in; what they decide by themselves must be what every server would say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use envdiff_mar::{Archive, Wishes, predict};
use envdiff_model::{Load, Outcome};

fn load(handler: &str) -> Load {
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"{"runtime": "python", "model": {"modelName": "m", "modelVersion": "1.0", "handler": "handler.py"}, "archiverVersion": "0.12.0"}"#;
    std::fs::create_dir(folder.path().join("MAR-INF")).unwrap();
    std::fs::write(folder.path().join("MAR-INF/MANIFEST.json"), manifest).unwrap();
    std::fs::write(folder.path().join("handler.py"), handler).unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    predict(&[archive], None, &Wishes::default()).unwrap().remove(0)
}

#[test]
fn packages_of_the_standard_library_have_modules() {
    let handler = "import importlib.util\nimport unittest.mock\nimport os.path\nfrom concurrent.futures import ThreadPoolExecutor\n\n\ndef handle(data, context):\n    return data\n";
    let found = load(handler);
    assert_eq!(found.register.outcome, Outcome::Unknown, "{:?}", found.troubles);
    assert_eq!(found.register.reason.as_ref(), Some(&Load::ALONE.into()));
}

#[test]
fn torch_load_of_none_is_refused_where_its_place_is_asked_for() {
    let handler = "import torch\n\n\nclass Handler:\n    def initialize(self, context):\n        self.weights = torch.load(None)\n\n    def handle(self, data, context):\n        return data\n";
    let found = load(handler);
    assert_eq!(found.register.outcome, Outcome::Fails, "{found:?}");
    let cause = &found.troubles[found.register.cause.unwrap()];
    let says = "AttributeError: 'NoneType' object has no attribute 'seek'. You can only torch.load from a file that is seekable.";
    assert!(cause.message.as_str().unwrap().starts_with(says), "{cause:?}");
}
