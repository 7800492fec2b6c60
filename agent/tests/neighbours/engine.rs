//! Which containers the kernel is told of, on a real Docker engine.

use std::{
    fs, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use ripcord_agent::{
    adapters::{
        docker::{DockerRuntime, DockerSettings, RestartAction},
        neighbour::KernelNeighbours,
    },
    ports::{Neighbour, Neighbours, Runtime},
};

use crate::{
    support::{
        between::altered,
        docker::{Project, docker, restart},
    },
    table::{entry, fail},
};

const SLEEPS: &str = "command: [sleep, \"1000\"]\nstop_grace_period: 0s";

/// Notes what it is told.
#[derive(Default)]
struct Note {
    told: Mutex<Vec<Neighbour>>,
    forbidden: AtomicBool,
    elsewhere: AtomicBool,
    broken: AtomicBool,
}

impl Neighbours for Note {
    fn has(&self, _: &str) -> bool {
        !self.elsewhere.load(Ordering::SeqCst)
    }

    fn may_correct(&self) -> bool {
        !self.forbidden.load(Ordering::SeqCst)
    }

    fn correct(&self, neighbour: &Neighbour) -> io::Result<bool> {
        self.told.lock().unwrap().push(neighbour.clone());
        match self.broken.load(Ordering::SeqCst) {
            true => Err(io::Error::other("no buffer space")),
            false => Ok(true),
        }
    }
}

/// What Docker says of the container, by a template.
fn look(project: &Project, template: &str) -> String {
    let output = docker(["inspect", "-f", template, &project.container()]);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The bridge, the address and the hardware address of the container.
fn place(project: &Project) -> (String, String, String) {
    let of = |what| {
        look(project, &format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{what}}}}}{{{{end}}}}"))
    };
    (format!("br-{}", &of("NetworkID")[..12]), of("IPAddress"), of("MacAddress"))
}

#[tokio::test]
async fn a_failed_entry_of_a_stopped_container_is_corrected_by_its_restart() {
    let Some(project) = Project::up(SLEEPS) else { return };
    let kernel = Arc::new(KernelNeighbours::default());
    if !kernel.may_correct() {
        eprintln!("skipped: this user has not CAP_NET_ADMIN");
        return;
    }
    let runtime = project.runtime().telling(kernel);
    let (bridge, address, mac) = place(&project);
    docker(["stop", "-t", "0", &project.container()]);
    fail(&bridge, &address).await;
    restart(&runtime).await.0.unwrap();
    assert_eq!(place(&project).1, address, "the engine gives the lowest free address");
    let corrected = entry(&bridge, &address);
    assert!(corrected.contains(&mac), "requests would wait for a second: {corrected}");
    assert_eq!(runtime.advice().await, []);
}

#[tokio::test]
async fn the_kernel_is_told_after_a_restart_and_after_a_recreation_where_the_container_is_now() {
    let Some(project) = Project::up(SLEEPS) else { return };
    for action in [RestartAction::Restart, RestartAction::Recreate] {
        let note = Arc::new(Note::default());
        let runtime = DockerRuntime::new(project.settings(action)).telling(note.clone());
        let (result, story) = restart(&runtime).await;
        result.unwrap();
        assert!(!story.iter().any(|line| line.contains("kernel")), "{story:?}");
        let (bridge, address, mac) = place(&project);
        let told = note.told.lock().unwrap();
        let told: Vec<_> =
            told.iter().map(|it| (&*it.interface, it.address.to_string(), it.mac)).collect();
        let bytes = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
        let mac: Vec<u8> = bytes.collect();
        assert_eq!(told, [(&*bridge, address, mac.try_into().unwrap())], "{action:?}");
    }
}

/// Another engine's containers have the numbers of its own machine: here nobody of theirs has them.
#[tokio::test]
async fn a_bridge_with_a_name_of_its_own_is_told_of_only_where_the_containers_process_runs() {
    let Some(project) = Project::new() else { return };
    let bridge = format!("rc{}", std::process::id());
    project.write(&format!("{SLEEPS}\nnetworks: [named]"));
    let yaml = fs::read_to_string(project.file()).unwrap();
    let options = format!("driver_opts: {{com.docker.network.bridge.name: {bridge}}}");
    fs::write(project.file(), format!("{yaml}networks: {{named: {{{options}}}}}\n")).unwrap();
    project.compose(["up", "-d"]);
    let note = Arc::new(Note::default());
    restart(&project.runtime().telling(note.clone())).await.0.unwrap();
    assert_eq!(note.told.lock().unwrap()[0].interface, bridge);

    let socket = project.folder.join("docker.sock");
    let elsewhere = altered(&socket, |answer| answer.replace("\"Pid\":", "\"pid\":"));
    let settings = DockerSettings { socket, ..project.settings(RestartAction::Restart) };
    let note = Arc::new(Note::default());
    restart(&DockerRuntime::new(settings).telling(note.clone())).await.0.unwrap();
    assert_eq!(*note.told.lock().unwrap(), [], "{bridge} here is another's");
    elsewhere.abort();
}

#[tokio::test]
async fn a_container_without_a_bridge_is_nobodys_neighbour_and_needs_no_right() {
    for mode in ["host", "none"] {
        let service = format!("{SLEEPS}\nnetwork_mode: {mode}");
        let Some(project) = Project::up(&service) else { return };
        let note = Arc::new(Note::default());
        let runtime = project.runtime().telling(note.clone());
        restart(&runtime).await.0.unwrap();
        assert_eq!(*note.told.lock().unwrap(), [], "{mode}");
        note.forbidden.store(true, Ordering::SeqCst);
        assert_eq!(runtime.advice().await, [], "{mode}");
    }
}

#[tokio::test]
async fn without_the_right_nothing_is_tried_and_only_where_it_would_help_it_is_said() {
    let Some(project) = Project::up(SLEEPS) else { return };
    let note = Arc::new(Note::default());
    note.forbidden.store(true, Ordering::SeqCst);
    let runtime = project.runtime().telling(note.clone());
    let (result, story) = restart(&runtime).await;
    result.unwrap();
    assert!(!story.iter().any(|line| line.contains("kernel")), "{story:?}");
    assert_eq!(*note.told.lock().unwrap(), []);
    let advice = runtime.advice().await;
    assert!(advice[0].how.contains("AmbientCapabilities=CAP_NET_ADMIN"), "{advice:?}");
    note.elsewhere.store(true, Ordering::SeqCst);
    assert_eq!(runtime.advice().await, [], "the engine's bridges are not this machine's");
}

#[tokio::test]
async fn a_kernel_that_cannot_be_told_fails_no_restart_and_is_remarked_on_once() {
    let Some(project) = Project::up(SLEEPS) else { return };
    let note = Arc::new(Note::default());
    note.broken.store(true, Ordering::SeqCst);
    let settings: DockerSettings = project.settings(RestartAction::Restart);
    let runtime = DockerRuntime::new(settings).telling(note.clone());
    let mut remarks = Vec::new();
    for _ in 0..2 {
        let (result, story) = restart(&runtime).await;
        result.unwrap();
        remarks
            .extend(story.into_iter().filter(|line| line.contains("the kernel could not be told")));
    }
    assert_eq!(note.told.lock().unwrap().len(), 2, "it may have been a moment's trouble");
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    assert!(remarks[0].contains("web is back: no buffer space"), "{remarks:?}");
}
