//! As much of GitHub's runner as the written workflows use: a job's steps one after the other, with
//! the files and variables that steps read and write. What it does not know, it panics at.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

/// Texts by name, such as `secrets.RIPCORD_KEY` or `inputs.sha`.
pub type Texts = BTreeMap<String, String>;

/// A machine that runs jobs.
pub struct Runner {
    pub workspace: PathBuf,
    /// Where steps may write: `RUNNER_TEMP`, `TMPDIR` and the home.
    pub temp: PathBuf,
    /// What `${{ }}` can name.
    pub contexts: Texts,
    /// Variables of the machine.
    pub variables: Texts,
}

/// A step that was run.
#[derive(Debug)]
pub struct Step {
    pub code: i32,
    /// Standard output and standard error, as the page shows them.
    pub log: String,
    pub outputs: Texts,
    pub summary: String,
}

impl Runner {
    /// Runs the only job of a workflow.
    pub fn workflow(&self, file: &str) -> Vec<Step> {
        let workflow = yaml(&self.workspace.join(file));
        let jobs = workflow["jobs"].as_object().unwrap();
        assert_eq!(jobs.len(), 1, "{file}");
        let job = jobs.values().next().unwrap();
        let environment = self.texts(&job["env"], &self.contexts);
        let mut done: Vec<Step> = Vec::new();
        for step in job["steps"].as_array().unwrap() {
            let has_failed = done.iter().any(|step| step.code != 0);
            if step["if"].as_str().map_or(!has_failed, is_always) {
                done.extend(self.step(step, &environment));
            }
        }
        done
    }

    /// Runs a local action with these inputs; `None` where somebody else's action is used.
    fn step(&self, step: &Value, environment: &Texts) -> Option<Step> {
        let (name, uses) = (step["name"].as_str().unwrap(), step["uses"].as_str().unwrap());
        let Some(folder) = uses.strip_prefix("./") else {
            let (_, reference) = uses.split_once('@').expect("a pinned action");
            let is_commit =
                reference.len() == 40 && reference.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{uses}");
            return None;
        };
        assert!(step["env"].is_null(), "{name}");
        let given = self.texts(&step["with"], &self.contexts);
        Some(self.action(name, &self.workspace.join(folder), &given, environment))
    }

    /// Runs the action in `folder`.
    pub fn action(&self, name: &str, folder: &Path, given: &Texts, environment: &Texts) -> Step {
        let action = yaml(&folder.join("action.yml"));
        let mut contexts = self.contexts.clone();
        for (input, described) in action["inputs"].as_object().unwrap() {
            let default = described["default"].as_str().unwrap_or_default();
            let value = given.get(input).map_or(default, String::as_str);
            assert!(described["required"].is_null() || !value.is_empty(), "{input} is required");
            contexts.insert(format!("inputs.{input}"), value.to_owned());
        }
        let unknown = given.keys().find(|input| action["inputs"][input.as_str()].is_null());
        assert_eq!(unknown, None, "{name}");
        let steps = action["runs"]["steps"].as_array().unwrap();
        let [step] = steps.as_slice() else { panic!("one step, not {}", steps.len()) };
        let mut variables = environment.clone();
        variables.extend(self.texts(&step["env"], &contexts));
        variables.insert("GITHUB_ACTION_PATH".into(), folder.display().to_string());
        let mut done = self.script(name, step["run"].as_str().unwrap(), &variables);
        let of_step = std::mem::take(&mut done.outputs);
        let contexts = of_step.into_iter().map(|(output, value)| {
            (format!("steps.{}.outputs.{output}", step["id"].as_str().unwrap()), value)
        });
        let contexts = contexts.collect();
        for (output, described) in action["outputs"].as_object().unwrap() {
            let value = filled(described["value"].as_str().unwrap(), &contexts);
            done.outputs.insert(output.clone(), value);
        }
        done
    }

    fn script(&self, name: &str, run: &str, variables: &Texts) -> Step {
        assert!(!run.contains("${{"), "{name} pastes text into a script");
        let file = |purpose: &str| {
            let path = self.temp.join(purpose);
            fs::write(&path, "").unwrap();
            path
        };
        let (output, summary, script) = (file("output"), file("summary"), file("script.sh"));
        fs::write(&script, run).unwrap();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script);
        bash.current_dir(&self.workspace).env_clear().envs(&self.variables).envs(variables);
        bash.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", &self.workspace);
        bash.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
        for place in ["RUNNER_TEMP", "TMPDIR", "HOME"] {
            bash.env(place, &self.temp);
        }
        let Output { status, stdout, stderr } = bash.output().unwrap();
        Step {
            code: status.code().unwrap_or(-1),
            log: String::from_utf8([stdout, stderr].concat()).unwrap(),
            outputs: outputs(&fs::read_to_string(output).unwrap()),
            summary: fs::read_to_string(summary).unwrap(),
        }
    }

    fn texts(&self, table: &Value, contexts: &Texts) -> Texts {
        let entries = table.as_object().into_iter().flatten();
        entries.map(|(name, value)| (name.clone(), filled(&text(value), contexts))).collect()
    }
}

fn is_always(condition: &str) -> bool {
    assert_eq!(condition, "${{ !cancelled() }}", "a condition that is not known here");
    true
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Puts the value of each `${{ name }}` in its place; like GitHub, nothing where there is none.
fn filled(template: &str, contexts: &Texts) -> String {
    let mut parts = template.split("${{");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap();
        let name = name.trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        assert!(name.chars().all(plain), "an expression that is not known here: {name}");
        filled += contexts.get(name).map_or("", String::as_str);
        filled += rest;
    }
    filled
}

/// Reads a step's outputs as the runner does: `name=value`, or from a delimiter to the same.
fn outputs(text: &str) -> Texts {
    let (mut found, mut lines) = (Texts::new(), text.lines());
    while let Some(line) = lines.next() {
        if let Some((name, delimiter)) = line.split_once("<<") {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            found.insert(name.to_owned(), value.join("\n"));
        } else {
            let (name, value) = line.split_once('=').unwrap();
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// A YAML file as JSON.
pub fn yaml(file: &Path) -> Value {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    json(&Yaml::load_from_str(&text).unwrap()[0])
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (&Yaml<'_>, &Yaml<'_>)| (text(&json(key)), json(value));
            Value::Object(entries.iter().map(entry).collect())
        }
        other => panic!("{other:?}"),
    }
}
