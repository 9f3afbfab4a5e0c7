//! What an image's own interpreter printed when it was asked (`--exec`) comes in; what it said of itself comes out.
//!
//! The image's code writes that output, so nothing of it is trusted: whatever is no answer of [`PROBE`]'s shape is passed
//! over, and a question without an answer is unknown with the reason.

use envdiff_model::{Evidence, Fact, Gpu, Text, Told, ToldTorch, say};
use serde_json::{Map, Value};

use crate::limits::{DISTRIBUTIONS, SYS_PATH, TOLD_WARNINGS};

/// The questions, as a program for `python -c`. What follows it on the command line are the interpreter's own flags.
pub const PROBE: &str = include_str!("told/probe.py");

/// What an answer's line begins with; a record separator is in no text that people print.
const BEGIN: &[u8] = b"\x1eenvdiff ";

/// Reads what the interpreter that was started with `command` printed. `ended` is why it was not heard to its end, a clause.
#[must_use]
pub fn read(command: Vec<Text>, output: &[u8], ended: Option<&Text>) -> Told {
    let mut answers = Answers::default();
    for line in output.split(|byte| *byte == b'\n') {
        if let Some(Ok(Value::Object(answer))) = line.strip_prefix(BEGIN).map(serde_json::from_slice::<Value>)
        {
            answers.take(answer);
        }
    }
    let silent = match ended {
        Some(ended) => ended.clone(),
        None => Text::from("it ended before it said so"),
    };
    if !answers.began {
        return Told::failed(command, &silent);
    }
    Told {
        command,
        failed: None,
        gpus: None,
        python: fact(answers.python, &silent, "sys.version"),
        sys_path: fact(answers.sys_path, &silent, "sys.path"),
        distributions: match answers.distributions {
            Some(Ok((found, by))) => Fact::known(found, evidence(by)),
            Some(Err(why)) => Fact::unknown(why),
            None => Fact::unknown(silent.clone()),
        },
        freeze: fact(answers.freeze, &silent, "python -m pip freeze --all"),
        torch: fact(answers.torch, &silent, "import torch"),
        torch_error: answers.torch_error,
    }
}

fn fact<T>(answer: Option<Result<T, Text>>, silent: &Text, by: &str) -> Fact<T> {
    match answer {
        Some(Ok(value)) => Fact::known(value, evidence(by)),
        Some(Err(why)) => Fact::unknown(why),
        None => Fact::unknown(silent.clone()),
    }
}

fn evidence(by: impl Into<Text>) -> Evidence {
    Evidence::new("the image's interpreter", by)
}

type Answer<T> = Option<Result<T, Text>>;

#[derive(Default)]
struct Answers {
    began: bool,
    python: Answer<Text>,
    sys_path: Answer<Vec<Text>>,
    distributions: Answer<(Vec<(Text, Text)>, Text)>,
    freeze: Answer<Vec<Text>>,
    torch: Answer<Option<ToldTorch>>,
    torch_error: Option<Text>,
}

impl Answers {
    /// Each question's first answer counts, but for a crash after it: what was said before stays said.
    fn take(&mut self, mut answer: Map<String, Value>) {
        let Some(Value::String(question)) = answer.remove("question") else { return };
        let value = match (answer.remove("answer"), answer.remove("error"), answer.remove("raised")) {
            (_, Some(error), _) => Err(text(&error).unwrap_or_else(malformed)),
            (_, None, Some(raised)) => {
                let raised = text(&raised).unwrap_or_else(malformed);
                self.torch_error.get_or_insert_with(|| raised.clone());
                Err(say!("importing it fails: ", raised))
            }
            (Some(value), None, None) => Ok(value),
            (None, None, None) => Err(malformed()),
        };
        match question.as_str() {
            "begin" => self.began = true,
            "python" => {
                let _ = self.python.get_or_insert_with(|| value.and_then(|v| text(&v).ok_or_else(malformed)));
            }
            "sys_path" => {
                let _ =
                    self.sys_path.get_or_insert_with(|| value.and_then(|v| texts(&v, SYS_PATH, "entries")));
            }
            "distributions" => {
                let by = answer.remove("by").and_then(|by| text(&by)).unwrap_or_default();
                let _ = self.distributions.get_or_insert_with(|| Ok((distributions(&value?)?, by)));
            }
            "freeze" => {
                let _ =
                    self.freeze.get_or_insert_with(|| value.and_then(|v| texts(&v, DISTRIBUTIONS, "lines")));
            }
            "torch" => {
                let _ = self.torch.get_or_insert_with(|| match value? {
                    Value::Null => Ok(None),
                    Value::Object(said) => torch(&said).map(Some),
                    _ => Err(malformed()),
                });
            }
            "gpus" => {
                if let (Ok(Value::Object(said)), Some(Ok(Some(torch)))) = (value, &mut self.torch) {
                    gpus(&said, torch);
                }
            }
            _ => {}
        }
    }
}

fn malformed() -> Text {
    Text::from("its answer has another shape than envdiff's own questions give it")
}

/// A text comes as one character for each of its bytes.
fn text(value: &Value) -> Option<Text> {
    let bytes: Vec<u8> =
        value.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<_>>()?;
    Some(Text::from(bytes))
}

fn texts(value: &Value, most: usize, what: &str) -> Result<Vec<Text>, Text> {
    let items = value.as_array().ok_or_else(malformed)?;
    if items.len() > most {
        return Err(say!("more than ", most, " ", what));
    }
    items.iter().map(|item| text(item).ok_or_else(malformed)).collect()
}

fn distributions(value: &Value) -> Result<Vec<(Text, Text)>, Text> {
    let items = value.as_array().ok_or_else(malformed)?;
    if items.len() > DISTRIBUTIONS {
        return Err(say!("more than ", DISTRIBUTIONS, " distributions"));
    }
    let word = |value: &Value| if value.is_null() { Some(Text::new()) } else { text(value) };
    items
        .iter()
        .map(|item| match item.as_array().map(Vec::as_slice) {
            Some([name, version]) => word(name).zip(word(version)).ok_or_else(malformed),
            _ => Err(malformed()),
        })
        .collect()
}

fn torch(said: &Map<String, Value>) -> Result<ToldTorch, Text> {
    let word = |key: &str| match said.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => text(value).map(Some).ok_or_else(malformed),
    };
    Ok(ToldTorch {
        version: word("version")?.ok_or_else(malformed)?,
        cuda: word("cuda")?,
        hip: word("hip")?,
        cudnn: said.get("cudnn").and_then(Value::as_u64),
        nccl: word("nccl")?,
        architectures: match said.get("architectures") {
            None | Some(Value::Null) => Vec::new(),
            Some(value) => texts(value, TOLD_WARNINGS, "architectures")?,
        },
        available: false,
        warnings: Vec::new(),
        gpus: Vec::new(),
    })
}

/// What has another shape is passed over: that no GPU is seen says nothing of the image.
fn gpus(said: &Map<String, Value>, torch: &mut ToldTorch) {
    torch.available = said.get("available").and_then(Value::as_bool).unwrap_or_default();
    let items = |key: &str| said.get(key).and_then(Value::as_array).into_iter().flatten().take(TOLD_WARNINGS);
    torch.warnings = items("warnings").filter_map(text).collect();
    torch.gpus = items("gpus")
        .filter_map(|gpu| match gpu.as_array()?.as_slice() {
            [name, capability] => Some(Gpu { name: Some(text(name)?), capability: text(capability) }),
            _ => None,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use envdiff_model::{Gpu, Text, Told};

    use super::read;
    use crate::limits::{DISTRIBUTIONS, SYS_PATH, TOLD_WARNINGS};

    fn told(lines: &[&str]) -> Told {
        let output: String = lines.iter().map(|line| format!("\n\u{1e}envdiff {line}\n")).collect();
        read(vec!["python".into()], output.as_bytes(), None)
    }

    #[test]
    fn answers_are_read_and_noise_is_passed_over() {
        let lines = [
            r#"{"question":"begin","answer":null}"#,
            "{",
            r#"{"question":"python","answer":"3.11.2"}"#,
            r#"{"question":"python","answer":"2.7"}"#,
            r#"{"question":"sys_path","answer":["/srv","/caf\u00e9\u00ff"]}"#,
            r#"{"question":"distributions","answer":[["torch","2.1.2"],[null,null]],"by":"importlib.metadata"}"#,
            r#"{"question":"freeze","error":"no pip"}"#,
            r#"{"question":"torch","answer":{"version":"2.1.2+cu121","cuda":"12.1","hip":null,"cudnn":8902,"nccl":"2.18.1","architectures":["sm_80"]}}"#,
            r#"{"question":"gpus","answer":{"available":true,"gpus":[["NVIDIA L4","8.9"],["x"]],"warnings":["w"]}}"#,
            r#"{"question":"torch","error":"it was ended by signal 11"}"#,
            r#"{"question":"end","answer":null}"#,
        ];
        let said = told(&lines);
        assert_eq!(said.failed, None);
        assert_eq!(said.python.value(), Some(&Text::from("3.11.2")));
        let path = [Text::from("/srv"), Text::from(&b"/caf\xe9\xff"[..])].to_vec();
        assert_eq!(said.sys_path.value(), Some(&path));
        let both = [("torch".into(), "2.1.2".into()), (Text::new(), Text::new())].to_vec();
        assert_eq!(said.distributions.value(), Some(&both));
        assert_eq!(said.freeze.reason(), Some(&Text::from("no pip")));
        let torch = said.torch.value().and_then(Option::as_ref);
        assert_eq!(torch.and_then(|torch| torch.cudnn), Some(8902));
        let l4 = Gpu { name: Some("NVIDIA L4".into()), capability: Some("8.9".into()) };
        assert_eq!(torch.map(|torch| (torch.available, torch.gpus.as_slice())), Some((true, &[l4][..])));
    }

    #[test]
    fn what_was_not_said_is_unknown_with_the_reason() {
        let silent = read(Vec::new(), b"Traceback\n", Some(&"it was not there".into()));
        assert_eq!(silent.failed, Some("it was not there".into()));
        let begun =
            told(&[r#"{"question":"begin"}"#, r#"{"question":"torch","raised":"ImportError: libX"}"#]);
        assert_eq!(begun.failed, None);
        assert_eq!(begun.python.reason(), Some(&"it ended before it said so".into()));
        assert_eq!(begun.torch_error, Some("ImportError: libX".into()));
        assert_eq!(begun.torch.reason(), Some(&"importing it fails: ImportError: libX".into()));
        let none = told(&[r#"{"question":"begin"}"#, r#"{"question":"torch","answer":null}"#]);
        assert_eq!(none.torch.value(), Some(&None));
    }

    #[test]
    fn what_is_told_has_the_bounds_of_what_is_read() {
        let many = |item: &str, count: usize| vec![item; count].join(",");
        let said = |past: usize| {
            let (paths, pairs) =
                (many("\"/x\"", SYS_PATH + past), many("[\"a\",\"1\"]", DISTRIBUTIONS + past));
            let (lines, words) = (many("\"a\"", DISTRIBUTIONS + past), many("\"a\"", TOLD_WARNINGS + past));
            let gpus = many("[\"a\",\"8.0\"]", TOLD_WARNINGS + past);
            told(&[
                r#"{"question":"begin"}"#,
                &format!(r#"{{"question":"sys_path","answer":[{paths}]}}"#),
                &format!(r#"{{"question":"distributions","answer":[{pairs}],"by":"x"}}"#),
                &format!(r#"{{"question":"freeze","answer":[{lines}]}}"#),
                r#"{"question":"torch","answer":{"version":"2"}}"#,
                &format!(
                    r#"{{"question":"gpus","answer":{{"available":true,"gpus":[{gpus}],"warnings":[{words}]}}}}"#
                ),
            ])
        };
        for past in [0, 1] {
            let said = said(past);
            let known = [
                said.sys_path.value().is_some(),
                said.distributions.value().is_some(),
                said.freeze.value().is_some(),
            ];
            assert_eq!(known, [past == 0; 3]);
            let torch = said.torch.value().and_then(Option::as_ref);
            assert_eq!(
                torch.map(|torch| (torch.gpus.len(), torch.warnings.len())),
                Some((TOLD_WARNINGS, TOLD_WARNINGS))
            );
        }
        let architectures = |count: usize| {
            let words = many("\"sm_80\"", count);
            let line =
                format!(r#"{{"question":"torch","answer":{{"version":"2","architectures":[{words}]}}}}"#);
            told(&[r#"{"question":"begin"}"#, &line]).torch.value().is_some()
        };
        assert_eq!((architectures(TOLD_WARNINGS), architectures(TOLD_WARNINGS + 1)), (true, false));
    }

    #[test]
    fn another_shape_is_no_answer() {
        for line in [
            r#"{"question":"sys_path","answer":"x"}"#,
            r#"{"question":"sys_path","answer":[1]}"#,
            r#"{"question":"sys_path","answer":["\u0101"]}"#,
            r#"{"question":"sys_path"}"#,
        ] {
            assert!(told(&[r#"{"question":"begin"}"#, line]).sys_path.value().is_none(), "{line}");
        }
    }
}
