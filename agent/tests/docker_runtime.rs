//! Restarting containers and judging them, on a real Docker engine.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/docker.rs"]
mod support;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use ripcord_agent::{
    adapters::docker::{Containers, DockerRuntime, DockerSettings, RestartAction, default_socket},
    ports::{Reporter, Runtime, RuntimeHealth, Told},
};
use ripcord_core::{Event, FailureKind};
use support::{Project, docker, restart, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{UnixListener, UnixStream},
};

async fn page(port: u16) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

async fn bad(runtime: &DockerRuntime, part: &str) -> bool {
    match runtime.health().await.unwrap() {
        RuntimeHealth::Bad { detail } => detail.contains(part),
        RuntimeHealth::Fine | RuntimeHealth::Starting => false,
    }
}

#[tokio::test]
async fn a_restart_is_quick_also_when_the_first_process_is_deaf_to_sigterm() {
    let Some(project) = Project::new() else { return };
    project.write(&project.httpd());
    project.compose(["up", "-d"]);
    fs::write(project.folder.join("www/index.html"), "Mangetamain").unwrap();
    let runtime = project.runtime();
    runtime.preflight().await.unwrap();
    let begun = Instant::now();
    let (result, story) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "restarted web");
    assert!(begun.elapsed() < Duration::from_secs(8), "waited for nothing: {:?}", begun.elapsed());
    assert!(story.iter().any(|line| line.contains("web has no handler for SIGTERM")), "{story:?}");
    until("served", async || {
        page(project.port).await.is_some_and(|page| page.contains("Mangetamain"))
    })
    .await;
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);
}

#[tokio::test]
async fn a_container_that_hears_sigterm_stops_in_order() {
    let trap = "command: [sh, -c, \"trap 'echo bye >/www/bye; exit 0' TERM; while :; do sleep 0.05; done\"]";
    let Some(project) = Project::up(trap) else { return };
    let (result, story) = restart(&project.runtime()).await;
    result.unwrap();
    assert!(project.folder.join("www/bye").exists(), "it was killed");
    assert!(story.is_empty(), "{story:?}");
}

#[tokio::test]
async fn a_changed_compose_file_is_said_under_restart_and_applied_under_recreate() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let is_new = async || {
        let format = "{{range .Config.Env}}{{.}} {{end}}";
        let env = docker(["inspect", "-f", format, &project.container()]).stdout;
        String::from_utf8_lossy(&env).contains("CHANGED")
    };
    project.write("command: [sleep, \"1000\"]\nenvironment: [CHANGED=yes]");
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::open(project.file()).unwrap().set_modified(later).unwrap();
    let (result, story) = restart(&project.runtime()).await;
    result.unwrap();
    assert!(story.iter().any(|line| line.contains("a restart does not apply it")), "{story:?}");
    assert!(!is_new().await);

    let stop_timeout = Some(Duration::ZERO);
    let settings = DockerSettings { stop_timeout, ..project.settings(RestartAction::Recreate) };
    let runtime = DockerRuntime::new(settings);
    runtime.preflight().await.unwrap();
    let (result, story) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "recreated web");
    assert!(story.iter().any(|line| line.contains("Creating")), "{story:?}");
    assert!(is_new().await);
}

/// The mission's layout: `docker-compose-preprod.yml` and `docker-compose-prod.yml` in one folder are
/// one project to compose, with one network, which `down` cannot remove while the other uses it.
#[tokio::test]
async fn recreating_works_beside_another_file_in_the_same_folder_and_leaves_it_alone() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let other = project.folder.join("docker-compose-prod.yml");
    let yaml = fs::read_to_string(project.file()).unwrap();
    fs::write(&other, yaml.replace("  web:", "  shop:")).unwrap();
    let created = |name: &str| {
        docker(["inspect", "-f", "{{.Id}}", &format!("{}_{name}_1", project.name)]).stdout
    };
    let neighbour = created("web");
    let containers = Containers::ComposeProject { file: other.clone(), project: None };
    let stop_timeout = Some(Duration::ZERO);
    let settings = project.settings(RestartAction::Recreate);
    let runtime = DockerRuntime::new(DockerSettings { containers, stop_timeout, ..settings });
    for _ in 0..2 {
        let before = created("shop");
        let (result, story) = restart(&runtime).await;
        assert_eq!(result.unwrap(), "recreated shop", "{story:?}");
        assert_ne!(created("shop"), before);
        assert_eq!(created("web"), neighbour);
    }
}

#[tokio::test]
async fn a_service_that_the_compose_file_does_not_have_any_more_does_not_go_on_running() {
    let Some(project) = Project::new() else { return };
    let sleeping = "command: [sleep, \"1000\"]";
    project.write_services(&[("web", sleeping), ("worker", sleeping)]);
    project.compose(["up", "-d"]);
    project.write(sleeping);
    let stop_timeout = Some(Duration::ZERO);
    let settings = DockerSettings { stop_timeout, ..project.settings(RestartAction::Recreate) };
    let (result, story) = restart(&DockerRuntime::new(settings)).await;
    assert_eq!(result.unwrap(), "recreated web");
    assert!(story.iter().any(|line| line.starts_with("removed worker")), "{story:?}");
}

#[tokio::test]
async fn a_compose_file_that_cannot_be_read_does_not_take_down_what_runs() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let good = fs::read_to_string(project.file()).unwrap();
    fs::write(project.file(), "services: [").unwrap();
    let runtime = DockerRuntime::new(project.settings(RestartAction::Recreate));
    let failure = restart(&runtime).await.0.unwrap_err();
    assert!(failure.message.contains("compose down"), "{failure}");
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Fine);
    fs::write(project.file(), good).unwrap();
}

#[tokio::test]
async fn a_project_without_containers_says_what_to_do() {
    let Some(project) = Project::new() else { return };
    project.write("command: [sleep, \"1000\"]");
    let runtime = project.runtime();
    for failure in [runtime.preflight().await.unwrap_err(), restart(&runtime).await.0.unwrap_err()]
    {
        assert!(failure.message.contains("action = \"recreate\""), "{failure}");
    }
    DockerRuntime::new(project.settings(RestartAction::Recreate)).preflight().await.unwrap();
}

#[tokio::test]
async fn containers_can_be_named_and_a_missing_one_is_named_back() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let named = |names: &[&str]| {
        let containers = Containers::Named(names.iter().map(ToString::to_string).collect());
        let settings = project.settings(RestartAction::Restart);
        DockerRuntime::new(DockerSettings { containers, ..settings })
    };
    let name = project.container();
    let (result, _) = restart(&named(&[&name])).await;
    assert_eq!(result.unwrap(), format!("restarted {name}"));
    // Docker's own filter takes a part of a name for the name.
    let failure = named(&[&name, &project.name]).preflight().await.unwrap_err();
    assert!(
        failure.message.contains(&format!("find the container {}: it", project.name)),
        "{failure}"
    );
}

#[tokio::test]
async fn another_project_in_the_same_folder_is_left_alone() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let other = project.folder.join("docker-compose-prod.yml");
    fs::copy(project.file(), &other).unwrap();
    let containers = Containers::ComposeProject { file: other, project: None };
    let settings = project.settings(RestartAction::Restart);
    let prod = DockerRuntime::new(DockerSettings { containers, ..settings });
    assert!(prod.preflight().await.is_err(), "preprod's containers were taken for prod's");
    project.runtime().preflight().await.unwrap();
}

#[tokio::test]
async fn the_containers_own_health_check_is_believed() {
    let check = "test: [CMD, cat, /www/well]\ninterval: 1s\nretries: 1\nstart_period: 1s";
    let service =
        format!("command: [sleep, \"1000\"]\nhealthcheck:\n  {}", check.replace('\n', "\n  "));
    let Some(project) = Project::up(&service) else { return };
    let runtime = project.runtime();
    assert_eq!(runtime.health().await.unwrap(), RuntimeHealth::Starting);
    until("unhealthy", async || bad(&runtime, "web is unhealthy: cat: can't open").await).await;
    fs::write(project.folder.join("www/well"), "").unwrap();
    until("healthy", async || runtime.health().await.unwrap() == RuntimeHealth::Fine).await;
}

#[tokio::test]
async fn a_container_that_exits_at_once_or_again_and_again_is_bad() {
    let Some(project) = Project::up("command: [sh, -c, \"exit 3\"]") else { return };
    let runtime = project.runtime();
    until("exited", async || bad(&runtime, "web exited with code 3").await).await;

    project.write("command: [sh, -c, \"sleep 0.2; exit 4\"]\nrestart: always");
    project.compose(["up", "-d"]);
    until("crash loop", async || bad(&runtime, "web restarts again and again").await).await;
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        let health = runtime.health().await.unwrap();
        assert!(matches!(health, RuntimeHealth::Bad { .. }), "fine between two crashes");
    }
    let (result, _) = restart(&runtime).await;
    result.unwrap();
    let count = docker(["inspect", "-f", "{{.RestartCount}}", &project.container()]).stdout;
    assert!(
        String::from_utf8_lossy(&count).trim().parse::<u32>().unwrap() <= 2,
        "not counted afresh"
    );
}

fn behind(socket: &Path, file: &Path) -> DockerRuntime {
    DockerRuntime::new(DockerSettings {
        socket: socket.to_owned(),
        containers: Containers::ComposeProject { file: file.to_owned(), project: None },
        action: RestartAction::Restart,
        stop_timeout: Some(Duration::ZERO),
        wait_for_deaf: false,
    })
}

#[tokio::test]
async fn docker_that_is_down_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = behind(&folder.path().join("docker.sock"), Path::new("/none.yml"));
    let failure = runtime.preflight().await.unwrap_err();
    assert!(failure.message.starts_with("cannot reach docker at /"), "{failure}");
    assert!(runtime.health().await.is_err());
}

/// The socket of an engine that is upgraded in the middle: connections break, it is away, it is back.
#[tokio::test]
async fn docker_that_goes_away_during_a_restart_is_waited_for() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let socket = project.folder.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let runtime = behind(&socket, &project.file());
    let engine = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut docker = UnixStream::connect(default_socket()).await.unwrap();
            let _ = copy_bidirectional(&mut client, &mut docker).await;
        }
        drop(listener.accept().await.unwrap());
        drop(listener);
        fs::remove_file(&socket).unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        let listener = UnixListener::bind(&socket).unwrap();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut docker = UnixStream::connect(default_socket()).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut docker).await });
        }
    });
    let (result, story) = restart(&runtime).await;
    assert_eq!(result.unwrap(), "restarted web");
    assert!(story.iter().any(|line| line.contains("trying for 120s")), "{story:?}");
    engine.abort();
}

#[tokio::test(start_paused = true)]
async fn docker_that_stays_away_is_waited_for_two_minutes_and_then_the_restart_fails() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = behind(&folder.path().join("docker.sock"), Path::new("/none.yml"));
    let begun = tokio::time::Instant::now();
    let (result, story) = restart(&runtime).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Runtime);
    assert!(failure.message.starts_with("cannot reach docker at /"), "{failure}");
    let waited = begun.elapsed().as_secs();
    assert!((110..=120).contains(&waited), "{waited} s");
    assert_eq!(story.len(), 1, "said once: {story:?}");
}

#[tokio::test(start_paused = true)]
async fn docker_that_takes_calls_and_never_answers_is_a_failure_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _never_accepts = UnixListener::bind(&socket).unwrap();
    let runtime = behind(&socket, Path::new("/none.yml"));
    let begun = tokio::time::Instant::now();
    let (result, _) = restart(&runtime).await;
    for failure in [runtime.preflight().await.unwrap_err(), result.unwrap_err()] {
        assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
        assert!(failure.message.contains("within 15s"), "{failure}");
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// Takes calls and passes them on, until a restart is asked for: that one it swallows.
async fn swallow_restarts(listener: UnixListener) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let docker = UnixStream::connect(default_socket()).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_docker, mut to_docker) = docker.into_split();
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_docker, &mut to_client).await;
        });
        tokio::spawn(async move {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                if String::from_utf8_lossy(&bytes[..count]).contains("/restart") {
                    tokio::time::pause();
                    return std::future::pending().await;
                }
                to_docker.write_all(&bytes[..count]).await.unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_restart_that_hangs_in_docker_is_a_failure_in_time() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let socket = project.folder.join("docker.sock");
    let engine = tokio::spawn(swallow_restarts(UnixListener::bind(&socket).unwrap()));
    let (result, _) = restart(&behind(&socket, &project.file())).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    assert!(failure.message.contains("restart web within 60s"), "{failure}");
    engine.abort();
}

#[tokio::test]
async fn docker_that_goes_away_during_a_recreation_is_waited_for() {
    let Some(project) = Project::up("command: [sleep, \"1000\"]") else { return };
    let socket = project.folder.join("docker.sock");
    let stop_timeout = Some(Duration::ZERO);
    let settings = project.settings(RestartAction::Recreate);
    let settings = DockerSettings { socket: socket.clone(), stop_timeout, ..settings };
    let (reporter, mut told) = Reporter::channel(64);
    let engine = tokio::spawn(async move {
        // Away until it is missed; whatever the compose program printed meanwhile is not waited for.
        while let Some(told) = told.recv().await {
            if matches!(told, Told::Story(Event::Remarked { message }) if message.contains("trying for 120s"))
            {
                break;
            }
        }
        let listener = UnixListener::bind(&socket).unwrap();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let mut client = accepted.unwrap().0;
                    let mut docker = UnixStream::connect(default_socket()).await.unwrap();
                    tokio::spawn(async move { copy_bidirectional(&mut client, &mut docker).await });
                }
                Some(_) = told.recv() => {}
            }
        }
    });
    let result = DockerRuntime::new(settings).restart(&reporter).await;
    assert_eq!(result.unwrap(), "recreated web");
    engine.abort();
}
