//! The `MLmodel` or `python_env.yaml` of an MLflow model comes in; what the `requirements.txt` beside it asks for, and the Python that
//! the model was saved with, come out.
//!
//! `requirements.txt` is what counts (MLflow 2 and 3 write it always); `build_dependencies` and the pip of `conda.yaml` are how an
//! environment is built, not what the model needs.

use envdiff_model::{Evidence, Fact, Text, say};

use crate::broken::{Broken, Fault};
use crate::formats::requirements::{self, Requirements};
use crate::registry::{Chosen, Input, Offers, Selectable};
use crate::tree::{Node, yaml};
use crate::{Environment, LockError, Wishes};

pub(crate) fn open(mut input: Input<'_>) -> Result<Box<dyn Selectable>, LockError> {
    let document = input.document()?;
    let told = {
        let node = yaml::parse(&document.text).map_err(|broken| input.refuse(&document, broken))?;
        let root = node.as_table().map_err(|broken| input.refuse(&document, broken))?;
        let flavors = root.get("flavors").and_then(Node::table);
        let flavor = |name: &str, key: &str| flavors?.get(name)?.table()?.get(key);
        let tell = |node: &Node<'_>| {
            let line = document.place(node.at, node.end).line;
            let value = node.written()?.into_owned();
            Some(Fact::known(
                Text::from(value.as_str()),
                Evidence::new(document.path.clone(), say!("line ", line, ": ", value.as_str())),
            ))
        };
        let python = flavor("python_function", "python_version").or_else(|| root.get("python"));
        let torch = flavor("pytorch", "pytorch_version");
        (
            python.and_then(tell),
            torch.and_then(tell),
            root.get("mlflow_version").and_then(|node| node.written().map(String::from)),
        )
    };
    let path = input.beside("requirements.txt");
    let Some((path, bytes)) = path.and_then(|path| input.reader.read(&path).ok().map(|bytes| (path, bytes)))
    else {
        let broken = Broken::whole(
            Fault::MissingKey,
            "an MLflow model without a requirements.txt beside it: what it needs is not told",
        );
        return Err(input.refuse(&document, broken));
    };
    let requirements = requirements::read_whole(&path, &bytes, input.reader)?;
    let (python, torch, version) = told;
    Ok(Box::new(Model { requirements, python, torch, version }))
}

struct Model {
    requirements: Requirements,
    python: Option<Fact<Text>>,
    torch: Option<Fact<Text>>,
    version: Option<String>,
}

impl Selectable for Model {
    fn offers(&self) -> Offers {
        Offers::default()
    }

    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError> {
        let mut chosen = self.requirements.select(environment, wishes)?;
        chosen.read_as = (envdiff_model::ReadAs::Demand, "an MLflow model");
        chosen.format_version = self.version.as_deref().map(Text::from);
        chosen.python.clone_from(&self.python);
        chosen.training.torch.clone_from(&self.torch);
        Ok(chosen)
    }
}
