//! `--why NAME` over small images.

use envdiff_judge::{Policy, audit, why};
use envdiff_model::{Name, Why};

use crate::example::examples;
use crate::{image, pages};

fn ask(name: &str, body: &str) -> Why {
    let example = examples("test", &format!("```envdiff example=\"fires\"\n{body}\n```\n")).remove(0);
    why(
        &Name::new(name),
        &audit(image::snapshot(&example), pages::locks(&example), Vec::new(), &Policy::default()),
    )
}

#[test]
fn everything_of_one_package() {
    let body = "--- image
python 3.11.7
env PYTHONPATH=/opt/extra
package numpy 1.26.4
package scipy 1.12.0
  Requires-Dist: numpy<1.29,>=1.22.4
  Requires-Dist: pytest; extra == \"test\"
package uvicorn 0.29.0
  Requires-Dist: click>=7
  Requires-Dist: httptools>=0.5; extra == \"standard\"
  Requires-Dist: (broken
/opt/extra/numpy-1.20.0.dist-info/METADATA
  Name: numpy
  Version: 1.20.0
--- lock train.lock
numpy==1.26.4
uvicorn[standard]";
    let numpy = ask("NumPy", body);
    assert_eq!(numpy.lines.len(), 1);
    assert_eq!(
        numpy.copies.iter().map(|copy| copy.standing.to_lossy().into_owned()).collect::<Vec<_>>(),
        ["the one that is imported", "hidden by /opt/extra, which comes earlier on sys.path"]
    );
    assert_eq!(numpy.imported, Some(0));
    assert_eq!(numpy.because, "/opt/extra is entry 1 of sys.path (env), the first that has it");
    assert_eq!(numpy.required_by.len(), 1);
    assert_eq!((numpy.required_by[0].name.as_str(), numpy.required_by[0].met), ("scipy", Some(false)));

    let uvicorn = ask("uvicorn", body);
    let requires: Vec<_> = uvicorn
        .requires
        .iter()
        .map(|e| (e.name.as_str(), e.extra.as_ref().map(Name::as_str), e.holds, e.met))
        .collect();
    assert_eq!(
        requires,
        [
            ("click", None, Some(true), None),
            ("httptools", Some("standard"), Some(true), None),
            ("", None, None, None),
        ]
    );

    let absent = ask("torch", body);
    assert!(absent.copies.is_empty() && absent.imported.is_none());
    assert_eq!(absent.because, "no copy lies in any folder of sys.path");
}
