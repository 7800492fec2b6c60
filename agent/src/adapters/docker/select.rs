//! Finds the containers of an environment, by the labels that compose gave them or by their names.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bollard::{
    models::{ContainerSummary, ContainerSummaryStateEnum},
    query_parameters::ListContainersOptionsBuilder,
};

use super::{
    Containers,
    engine::{Engine, EngineError},
};

const PROJECT: &str = "com.docker.compose.project";
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONEOFF: &str = "com.docker.compose.oneoff";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";

/// A container that belongs to the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Docker's id; a recreated container has a new one.
    pub(super) id: String,
    /// Compose service (with a number from the second replica on), or container name.
    pub(super) source: Arc<str>,
    /// When it was created, seconds since 1970.
    pub(super) created: i64,
    /// Whether it runs.
    pub(super) running: bool,
    /// Its compose service; none of a container that compose did not make.
    pub(super) service: Option<String>,
    /// The services that it depends on, where compose noted them: compose 1 does not.
    pub(super) needs: Vec<String>,
}

/// The containers of the environment, running or not, in a stable order.
pub(super) async fn find(
    engine: &Engine,
    containers: &Containers,
) -> Result<Vec<Found>, EngineError> {
    match containers {
        Containers::Named(names) => named(engine, names).await?.into_iter().collect(),
        Containers::ComposeProject { file: _, project: Some(project) } => {
            let label = format!("{PROJECT}={project}");
            Ok(found(labelled(engine, label).await?))
        }
        Containers::ComposeProject { file, project: None } => of_file(engine, file).await,
    }
}

/// Those of them that exist: one that is missing, since it is being recreated or never was, hides no other.
pub(super) async fn find_existing(
    engine: &Engine,
    containers: &Containers,
) -> Result<Vec<Found>, EngineError> {
    match containers {
        Containers::Named(names) => Ok(named(engine, names).await?.into_iter().flatten().collect()),
        Containers::ComposeProject { .. } => find(engine, containers).await,
    }
}

/// Their sources, as one text.
pub(super) fn names(found: &[Found]) -> String {
    let names: Vec<&str> = found.iter().map(|container| &*container.source).collect();
    names.join(", ")
}

/// For each name its container, or that there is none.
async fn named(
    engine: &Engine,
    names: &[String],
) -> Result<Vec<Result<Found, EngineError>>, EngineError> {
    let filters = HashMap::from([("name", names.to_vec())]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut by_name: HashMap<String, Found> = HashMap::new();
    // Docker's filter finds parts of names too.
    for summary in engine.list(options).await? {
        for name in summary.names.clone().unwrap_or_default() {
            let name = name.trim_start_matches('/');
            by_name.extend(Some(name.to_owned()).zip(Found::new(&summary, name)));
        }
    }
    let find = |name: &String| {
        by_name.remove(name).ok_or_else(|| EngineError::Refused {
            what: format!("find the container {name}"),
            status: Some(404),
            message: "it does not exist; create and start it once".to_owned(),
        })
    };
    Ok(names.iter().map(find).collect())
}

async fn labelled(engine: &Engine, label: String) -> Result<Vec<ContainerSummary>, EngineError> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut summaries = engine.list(options).await?;
    // "False" to compose 1 and 2; compared here because a filter would be exact.
    summaries.retain(|summary| {
        label_of(summary, ONEOFF).is_none_or(|oneoff| oneoff.eq_ignore_ascii_case("false"))
    });
    Ok(summaries)
}

/// Two projects may live in one folder, and have one name then: the file decides. The name decides
/// only for containers so old that compose did not note the file.
async fn of_file(engine: &Engine, file: &Path) -> Result<Vec<Found>, EngineError> {
    let wanted = canonical(file);
    let mut ours = labelled(engine, CONFIG_FILES.to_owned()).await?;
    ours.retain(|summary| config_files(summary).any(|path| canonical(&path) == wanted));
    if ours.is_empty() {
        ours = labelled(engine, format!("{PROJECT}={}", default_project(file))).await?;
        ours.retain(|summary| label_of(summary, CONFIG_FILES).is_none());
    }
    let projects: HashSet<_> = ours.iter().filter_map(|each| label_of(each, PROJECT)).collect();
    if projects.len() > 1 {
        return Err(EngineError::Refused {
            what: format!("tell which project of {} is meant", file.display()),
            status: None,
            message: "there are several; set `project`".to_owned(),
        });
    }
    Ok(found(ours))
}

fn config_files(summary: &ContainerSummary) -> impl Iterator<Item = PathBuf> {
    let base = Path::new(label_of(summary, WORKING_DIR).unwrap_or("/"));
    let files = label_of(summary, CONFIG_FILES).unwrap_or_default().split(',');
    // Compose 1 notes the path as it was typed: relative to where it was typed, which it does not
    // note. The project's folder and the file's name are what remains certain.
    files.map(move |file| match Path::new(file) {
        path if path.is_absolute() => path.to_owned(),
        path => base.join(path.file_name().unwrap_or_default()),
    })
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The name that compose gives a project: its folder's, in lower case, without odd characters.
fn default_project(file: &Path) -> String {
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c);
    folder.to_lowercase().chars().filter(kept).collect()
}

/// Of `db:service_started:false,cache:service_healthy:true`.
fn services(depends_on: &str) -> Vec<String> {
    let services = depends_on.split(',').filter_map(|each| each.split(':').next());
    services.map(|service| service.trim().to_owned()).filter(|each| !each.is_empty()).collect()
}

fn label_of<'a>(summary: &'a ContainerSummary, label: &str) -> Option<&'a str> {
    summary.labels.as_ref()?.get(label).map(String::as_str)
}

fn found(summaries: Vec<ContainerSummary>) -> Vec<Found> {
    let source = |summary: &ContainerSummary| {
        let service = label_of(summary, SERVICE).unwrap_or("container");
        match label_of(summary, NUMBER) {
            None | Some("1") => service.to_owned(),
            Some(number) => format!("{service}-{number}"),
        }
    };
    let found = summaries.iter().filter_map(|summary| Found::new(summary, &source(summary)));
    let mut found: Vec<Found> = found.collect();
    found.sort_by(|a, b| (&a.source, a.created).cmp(&(&b.source, b.created)));
    found
}

impl Found {
    fn new(summary: &ContainerSummary, source: &str) -> Option<Self> {
        Some(Self {
            id: summary.id.clone()?,
            source: source.into(),
            created: summary.created.unwrap_or_default(),
            running: summary.state == Some(ContainerSummaryStateEnum::RUNNING),
            service: label_of(summary, SERVICE).map(str::to_owned),
            needs: label_of(summary, DEPENDS_ON).map(services).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_project_is_named_as_compose_names_it() {
        for (file, name) in [
            ("/app/30_docker/docker-compose.yml", "30_docker"),
            ("/srv/My App.v2/compose.yml", "myappv2"),
            ("/compose.yml", ""),
        ] {
            assert_eq!(default_project(Path::new(file)), name);
        }
    }

    #[test]
    fn what_a_container_depends_on_is_read_without_the_conditions() {
        assert_eq!(
            services("db:service_started:false,cache:service_healthy:true"),
            ["db", "cache"]
        );
        assert_eq!(services("db"), ["db"]);
        assert_eq!(services(""), [] as [&str; 0]);
    }

    #[test]
    fn a_file_that_was_typed_as_a_relative_path_is_found_in_the_project_folder() {
        let labels = [(CONFIG_FILES, "../x/a.yml,/etc/b.yml"), (WORKING_DIR, "/srv/x")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let summary =
            ContainerSummary { labels: Some(labels.into()), ..ContainerSummary::default() };
        let files: Vec<PathBuf> = config_files(&summary).collect();
        assert_eq!(files, [Path::new("/srv/x/a.yml"), Path::new("/etc/b.yml")]);
    }
}
