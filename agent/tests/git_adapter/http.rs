//! Remotes over http: a real `git http-backend` behind a small server with logins, redirects,
//! and silence.

use std::{
    fs,
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use ripcord_agent::adapters::git::{Credentials, GitRepository, Settings, http_client};
use ripcord_core::FailureKind;
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    process::Command,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::support::{Scene, git, judge, prepare, reset, shallow};

/// `deploy:s3cret-t0ken`.
const LOGIN: &str = "Basic ZGVwbG95OnMzY3JldC10MGtlbg==";

#[derive(Clone, Default)]
struct Server {
    root: std::path::PathBuf,
    /// Wanted from everybody.
    login: Option<&'static str>,
    /// Everything is elsewhere.
    moved_to: Option<String>,
    /// Authorization of each request.
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    fn of(scene: &Scene) -> Self {
        git(&scene.upstream(), &["config", "http.uploadpack", "true"]);
        Self { root: scene.dir.path().to_owned(), ..Self::default() }
    }

    /// The same behind TLS; answers the certificate to trust.
    async fn start_with_tls(&self) -> (SocketAddr, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TlsListener { listener, acceptor: Arc::new(config).into() };
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, made.cert.pem())
    }

    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (socket, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(socket).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let login = text_of(request.headers(), header::AUTHORIZATION);
    server.seen.lock().unwrap().push(login.clone());
    if let Some(elsewhere) = &server.moved_to {
        let path = request.uri().path_and_query().unwrap().as_str().replace("/old/", "/");
        let location = format!("{elsewhere}{path}");
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response();
    }
    if server.login.is_some() && login.as_deref() != server.login {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    backend(&server, request).await
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// One call of git's own CGI program.
async fn backend(server: &Server, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", &server.root);
    command.env("GIT_HTTP_EXPORT_ALL", "1").env("REQUEST_METHOD", parts.method.as_str());
    command.env("PATH_INFO", parts.uri.path());
    command.env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    let kind = text_of(&parts.headers, header::CONTENT_TYPE).unwrap_or_default();
    command.env("CONTENT_TYPE", kind).env("CONTENT_LENGTH", body.len().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&body).await.unwrap();
    cgi_response(&child.wait_with_output().await.unwrap().stdout)
}

fn cgi_response(output: &[u8]) -> Response {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(Bytes::copy_from_slice(&output[end + 4..]).into()).unwrap()
}

fn settings(scene: &Scene, url: &str) -> Settings {
    git(&scene.site(), &["remote", "set-url", "origin", url]);
    scene.settings()
}

fn with_password(scene: &Scene, url: &str) -> Settings {
    let password_file = scene.dir.path().join("password");
    fs::write(&password_file, "s3cret-t0ken\n").unwrap();
    let username = "deploy".to_owned();
    let credentials = Some(Credentials::Password { username, password_file });
    Settings { credentials, ..settings(scene, url) }
}

#[tokio::test]
async fn a_commit_arrives_over_http() {
    let scene = Scene::new();
    let address = Server::of(&scene).start().await;
    for number in 0..40 {
        scene.write(&format!("file{number}"), format!("{number}\n").repeat(3000));
    }
    let pushed = scene.commit("second");
    let settings = settings(&scene, &format!("http://{address}/upstream.git"));
    let repository = GitRepository::open(settings).unwrap();
    prepare(&repository, pushed).await.unwrap();
    reset(&repository, 1, pushed).await.unwrap();
    scene.assert_exact(pushed);
    git(&scene.site(), &["fsck", "--strict"]);
    prepare(&repository, pushed).await.unwrap();
}

#[tokio::test]
async fn a_long_history_is_negotiated_over_http() {
    let scene = Scene::new();
    let address = Server::of(&scene).start().await;
    for number in 0..60 {
        scene.write("counter", format!("{number}\n"));
        scene.commit_unpushed("here and there");
    }
    scene.commit("pushed");
    git(&scene.site(), &["pull", "--quiet"]);
    let commit = ["-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty"];
    for number in 0..40 {
        git(&scene.site(), &[&commit[..], &["-m", &format!("local {number}")]].concat());
    }
    let pushed = scene.commit("and one more");
    let settings = settings(&scene, &format!("http://{address}/upstream.git"));
    prepare(&GitRepository::open(settings).unwrap(), pushed).await.unwrap();
}

#[tokio::test]
async fn a_shallow_clone_is_served_as_far_as_it_goes() {
    let scene = Scene::new();
    let old = scene.head();
    let first = scene.commit("second");
    shallow(&scene);
    let url = format!("http://{}/upstream.git", Server::of(&scene).start().await);
    let repository = GitRepository::open(settings(&scene, &url)).unwrap();
    scene.write("new", "new\n");
    let between = scene.commit("third");
    let last = scene.commit("fourth");
    for (number, commit) in (1..).zip([between, last, first]) {
        prepare(&repository, commit).await.unwrap();
        reset(&repository, number, commit).await.unwrap();
        judge(&scene.site(), commit);
    }
    assert_eq!(git(&scene.site(), &["rev-parse", "--is-shallow-repository"]), "true");
    let failure = prepare(&repository, old).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownCommit);
    assert!(failure.message.contains("git fetch --unshallow"), "{failure}");
}

#[tokio::test]
async fn the_password_is_read_from_its_file_for_each_fetch() {
    let scene = Scene::new();
    let server = Server { login: Some(LOGIN), ..Server::of(&scene) };
    let address = server.start().await;
    let pushed = scene.commit("second");
    let settings = with_password(&scene, &format!("http://{address}/upstream.git"));
    let repository = GitRepository::open(settings).unwrap();
    fs::write(scene.dir.path().join("password"), "old").unwrap();
    let failure = prepare(&repository, pushed).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("refused the git credentials (401)"), "{failure}");
    fs::write(scene.dir.path().join("password"), "s3cret-t0ken").unwrap();
    prepare(&repository, pushed).await.unwrap();
}

#[tokio::test]
async fn a_remote_that_wants_a_login_is_said_when_none_is_configured() {
    let scene = Scene::new();
    let server = Server { login: Some(LOGIN), ..Server::of(&scene) };
    let settings = settings(&scene, &format!("http://{}/upstream.git", server.start().await));
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("wants a login (401): set git_credentials"), "{failure}");
}

#[tokio::test]
async fn a_login_inside_the_address_works_and_is_never_shown() {
    let scene = Scene::new();
    let server = Server { login: Some(LOGIN), ..Server::of(&scene) };
    let address = server.start().await;
    let pushed = scene.commit("second");
    let url = format!("http://deploy:s3cret-t0ken@{address}/upstream.git");
    let repository = GitRepository::open(settings(&scene, &url)).unwrap();
    prepare(&repository, pushed).await.unwrap();
    let wrong = format!("http://deploy:s3cret-wrong@{address}/upstream.git");
    git(&scene.site(), &["remote", "set-url", "origin", &wrong]);
    let failure = prepare(&repository, pushed).await.unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure}");
    let nowhere = "http://deploy:s3cret-wrong@127.0.0.1:1/upstream.git";
    git(&scene.site(), &["remote", "set-url", "origin", nowhere]);
    let failure = prepare(&repository, pushed).await.unwrap_err();
    assert!(failure.message.contains("cannot reach the remote http://127.0.0.1:1"), "{failure}");
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure}");
}

#[tokio::test]
async fn https_needs_a_certificate_that_the_agent_trusts() {
    let scene = Scene::new();
    let server = Server { login: Some(LOGIN), ..Server::of(&scene) };
    let (address, certificate) = server.start_with_tls().await;
    let pushed = scene.commit("second");
    let url = format!("https://localhost:{}/upstream.git", address.port());
    let mut settings = with_password(&scene, &url);
    let stranger = GitRepository::open(settings.clone()).unwrap();
    let failure = prepare(&stranger, pushed).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Remote);
    assert!(failure.message.contains("invalid peer certificate"), "{failure}");
    let ca = scene.dir.path().join("ca.pem");
    fs::write(&ca, certificate).unwrap();
    settings.http = Some(http_client::build(Some(&ca)).unwrap());
    prepare(&GitRepository::open(settings).unwrap(), pushed).await.unwrap();
}

#[test]
fn a_file_without_certificates_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, "not a certificate").unwrap();
    let failure = http_client::build(Some(&ca)).unwrap_err();
    assert!(failure.message.contains("there is none in it"), "{failure}");
    let failure = http_client::build(Some(&dir.path().join("missing"))).unwrap_err();
    assert!(failure.message.contains("cannot use the certificates of"), "{failure}");
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_end() {
    let scene = Scene::new();
    let new = Server::of(&scene).start().await;
    let old = Server { moved_to: Some(format!("http://{new}")), ..Server::default() };
    let pushed = scene.commit("second");
    let settings = settings(&scene, &format!("http://{}/old/upstream.git", old.start().await));
    prepare(&GitRepository::open(settings).unwrap(), pushed).await.unwrap();
    assert_eq!(old.seen.lock().unwrap().len(), 1, "the pack is asked for at the new place");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_shown_the_password() {
    let scene = Scene::new();
    let thief = Server { login: Some(LOGIN), ..Server::of(&scene) };
    let new = thief.start().await;
    let moved_to = Some(format!("http://localhost:{}", new.port()));
    let old = Server { moved_to, ..Server::default() };
    let url = format!("http://{}/old/upstream.git", old.start().await);
    let settings = with_password(&scene, &url);
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("redirects to localhost"), "{failure}");
    assert_eq!(*thief.seen.lock().unwrap(), [None]);
}

#[tokio::test]
async fn a_redirect_to_an_open_host_is_followed_without_the_password() {
    let scene = Scene::new();
    let open = Server::of(&scene);
    let moved_to = Some(format!("http://localhost:{}", open.start().await.port()));
    let old = Server { moved_to, ..Server::default() };
    let url = format!("http://{}/old/upstream.git", old.start().await);
    let settings = with_password(&scene, &url);
    let pushed = scene.commit("second");
    prepare(&GitRepository::open(settings).unwrap(), pushed).await.unwrap();
    assert!(open.seen.lock().unwrap().len() >= 2);
    assert!(open.seen.lock().unwrap().iter().all(Option::is_none));
}

#[tokio::test]
async fn the_password_never_leaves_the_machine_unencrypted() {
    let scene = Scene::new();
    let settings = with_password(&scene, "http://git.example.org/r.git");
    let failure = prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("is not sent to http://git.example.org"), "{failure}");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let scene = Scene::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "https"] {
        let mut settings = settings(&scene, &format!("{scheme}://{address}/upstream.git"));
        settings.fetch_timeout = Duration::from_millis(300);
        let begun = Instant::now();
        let failure =
            prepare(&GitRepository::open(settings).unwrap(), scene.head()).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(failure.kind, FailureKind::Remote);
        assert!(failure.message.contains("did not end within 0.3 s"), "{failure}");
    }
}

#[tokio::test]
async fn a_page_that_is_no_repository_is_said() {
    let scene = Scene::new();
    let address = Server::of(&scene).start().await;
    let missing = settings(&scene, &format!("http://{address}/missing.git"));
    let failure = prepare(&GitRepository::open(missing).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("there is no repository at"), "{failure}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = Router::new().fallback(|| async { "<html>hello</html>" });
    tokio::spawn(async move { axum::serve(listener, page).await });
    let page = settings(&scene, &format!("http://{address}/r.git"));
    let failure = prepare(&GitRepository::open(page).unwrap(), scene.head()).await.unwrap_err();
    assert!(failure.message.contains("does not speak git's smart protocol"), "{failure}");
}
