//! What GitHub answers to what.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

use serde_json::{Value, json};

use super::{Fault, INSTALLATION, REPOSITORY, Seen, State, app, model, wire::Answer};

/// The answer, and what goes wrong with it.
pub(super) fn to(request: &Seen, state: &mut State) -> (Answer, Option<Fault>) {
    let planned = state
        .faults
        .iter_mut()
        .find(|planned| planned.left > 0 && request.path.contains(&planned.path));
    let fault = planned.map(|planned| {
        planned.left -= 1;
        planned.fault.clone()
    });
    let used = state.seen.len();
    let answer = match &fault {
        Some(fault) if let Some(answer) = faulty(fault) => answer,
        fault => good(request, state, fault.as_ref()),
    };
    (with_usual_headers(request, answer, used), fault)
}

fn faulty(fault: &Fault) -> Option<Answer> {
    let html = "<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head></html>";
    let html = |status| Answer {
        status,
        headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
        body: html.to_owned(),
    };
    Some(match fault {
        Fault::Status(status) => problem(*status, "Something went wrong"),
        Fault::HtmlStatus(status) => html(*status),
        Fault::Html => html(200),
        Fault::Limit(status, headers) => {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            let answer = problem(*status, message);
            Answer { headers: [answer.headers, headers.clone()].concat(), ..answer }
        }
        Fault::Garbage => Answer { body: "\u{0}\u{1}}{\u{fffd}".to_owned(), ..ok(json!({})) },
        Fault::WrongShape => ok(json!({ "total_count": "1", "workflow_runs": { "id": 1 } })),
        Fault::EmptyPage => ok(json!({ "total_count": 1, "workflow_runs": [], "jobs": [] })),
        Fault::Truncated | Fault::Unfiltered | Fault::Hang | Fault::Closed => return None,
    })
}

fn good(request: &Seen, state: &mut State, fault: Option<&Fault>) -> Answer {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    if let ["app", "installations", id, "access_tokens"] = path[..] {
        return installation_token(request, state, id);
    }
    if !request.token.as_ref().is_some_and(|token| state.tokens.contains(token)) {
        return problem(401, "Bad credentials");
    }
    let ["repos", owner, name, rest @ ..] = &path[..] else { return problem(404, "Not Found") };
    if format!("{owner}/{name}") != REPOSITORY {
        return problem(404, "Not Found");
    }
    match (request.method.as_str(), rest) {
        ("GET", ["actions", "runs"]) => runs(request, state, fault == Some(&Fault::Unfiltered)),
        ("GET", ["actions", "runs", run, "attempts", attempt, "jobs"]) => {
            let (run, attempt) = (run.parse().unwrap_or(0), attempt.parse().unwrap_or(0));
            match state.jobs.get(&(run, attempt)) {
                Some(jobs) => {
                    let jobs = jobs.iter().map(|job| job.json(run, attempt)).collect();
                    page(request, "jobs", jobs)
                }
                None => problem(404, "Not Found"),
            }
        }
        ("POST", ["statuses", sha]) => status(request, state, sha),
        ("POST", ["deployments"]) => deployment(request, state),
        ("POST", ["deployments", id, "statuses"]) => deployment_status(request, state, id),
        _ => problem(404, "Not Found"),
    }
}

/// Newest first, and of each run the newest attempt only, as GitHub does.
fn runs(request: &Seen, state: &State, is_unfiltered: bool) -> Answer {
    let is_asked_for = |run: &&super::FakeRun| {
        is_unfiltered || request.query.iter().all(|(name, value)| run.matches(name, value))
    };
    let mut runs: Vec<_> = state.runs.iter().filter(is_asked_for).collect();
    runs.sort_by_key(|run| std::cmp::Reverse((run.id, run.attempt)));
    if !is_unfiltered {
        runs.dedup_by_key(|run| run.id);
    }
    page(request, "workflow_runs", runs.iter().map(|run| run.json()).collect())
}

fn page(request: &Seen, name: &str, all: Vec<Value>) -> Answer {
    let number = |name: &str, otherwise| {
        request.query.get(name).and_then(|number| number.parse().ok()).unwrap_or(otherwise)
    };
    let (per_page, page) = (number("per_page", 30).min(100), number("page", 1));
    let (total, start) = (all.len(), per_page * (page - 1));
    let items: Vec<_> = all.into_iter().skip(start).take(per_page).collect();
    let mut answer = ok(json!({ "total_count": total, name: items }));
    if start + per_page < total {
        let link = |page, rel| {
            format!("<https://api.github.com{}?page={page}>; rel=\"{rel}\"", request.path)
        };
        let links = [link(page + 1, "next"), link(total.div_ceil(per_page), "last")];
        answer.headers.push(("link", links.join(", ")));
    }
    answer
}

fn installation_token(request: &Seen, state: &mut State, id: &str) -> Answer {
    if !request.token.as_deref().is_some_and(app::accepts) {
        return problem(401, "A JSON web token could not be decoded");
    }
    if id != INSTALLATION.to_string() || request.method != "POST" {
        return problem(404, "Not Found");
    }
    state.minted += 1;
    let token = format!("ghs_canary-installation-{}", state.minted);
    state.tokens.insert(token.clone());
    let expires = jiff::Timestamp::now() + state.token_life;
    created(json!({
        "token": token, "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "permissions": { "actions": "read", "metadata": "read" }, "repository_selection": "selected",
    }))
}

fn status(request: &Seen, state: &mut State, sha: &str) -> Answer {
    let word = request.body["state"].as_str().unwrap_or_default();
    if !["error", "failure", "pending", "success"].contains(&word) {
        return problem(422, "Validation Failed");
    }
    let id = state.id();
    created(json!({
        "url": format!("https://api.github.com/repos/{REPOSITORY}/statuses/{sha}"),
        "avatar_url": "https://github.com/images/error/hubot_happy.gif", "id": id,
        "node_id": "MDY6U3RhdHVzMQ==", "state": word, "description": request.body["description"],
        "target_url": request.body["target_url"], "context": request.body["context"],
        "created_at": "2026-11-20T01:19:13Z", "updated_at": "2026-11-20T01:19:13Z", "creator": model::user(),
    }))
}

fn deployment(request: &Seen, state: &mut State) -> Answer {
    let id = state.id();
    let body = &request.body;
    if body["ref"].as_str().is_none_or(str::is_empty) {
        return problem(422, "Validation Failed");
    }
    created(json!({
        "url": format!("https://api.github.com/repos/{REPOSITORY}/deployments/{id}"), "id": id,
        "node_id": "MDEwOkRlcGxveW1lbnQx", "sha": body["ref"], "ref": body["ref"], "task": body.get("task").unwrap_or(&json!("deploy")),
        "payload": body.get("payload").unwrap_or(&json!({})), "original_environment": body["environment"], "environment": body["environment"],
        "description": body["description"], "creator": model::user(), "created_at": "2026-11-20T01:19:13Z", "updated_at": "2026-11-20T01:19:13Z",
        "statuses_url": format!("https://api.github.com/repos/{REPOSITORY}/deployments/{id}/statuses"),
        "repository_url": format!("https://api.github.com/repos/{REPOSITORY}"), "transient_environment": false, "production_environment": false,
    }))
}

fn deployment_status(request: &Seen, state: &mut State, deployment: &str) -> Answer {
    const STATES: [&str; 7] =
        ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];
    let (id, body) = (state.id(), &request.body);
    if !body["state"].as_str().is_some_and(|word| STATES.contains(&word)) {
        return problem(422, "Validation Failed");
    }
    created(json!({
        "url": format!("https://api.github.com/repos/{REPOSITORY}/deployments/{deployment}/statuses/{id}"), "id": id,
        "node_id": "MDE2OkRlcGxveW1lbnRTdGF0dXMx", "state": body["state"], "creator": model::user(), "description": body["description"],
        "environment": body["environment"], "target_url": body["log_url"], "log_url": body["log_url"],
        "environment_url": body["environment_url"], "created_at": "2026-11-20T01:19:13Z", "updated_at": "2026-11-20T01:19:13Z",
        "deployment_url": format!("https://api.github.com/repos/{REPOSITORY}/deployments/{deployment}"),
        "repository_url": format!("https://api.github.com/repos/{REPOSITORY}"),
    }))
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn ok(body: Value) -> Answer {
    let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    Answer { status: 200, headers, body: body.to_string() }
}

fn created(body: Value) -> Answer {
    Answer { status: 201, ..ok(body) }
}

fn problem(status: u16, message: &str) -> Answer {
    let documentation = "https://docs.github.com/rest";
    let body = json!({ "message": message, "documentation_url": documentation, "status": status.to_string() });
    Answer { status, ..ok(body) }
}

fn with_usual_headers(request: &Seen, mut answer: Answer, used: usize) -> Answer {
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let mut usual = vec![
        ("server", "github.com".to_owned()),
        ("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("x-github-request-id", "ED21:1C1A:1B2C3D4:5E6F".to_owned()),
        ("x-ratelimit-limit", "5000".to_owned()),
        ("x-ratelimit-remaining", 5000_usize.saturating_sub(used + 1).to_string()),
        ("x-ratelimit-reset", (now.timestamp().as_second() + 3600).to_string()),
        ("x-ratelimit-used", (used + 1).to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    usual.retain(|(name, _)| answer.headers.iter().all(|(told, _)| told != name));
    answer.headers.extend(usual);
    if answer.status == 200 {
        let mut hasher = DefaultHasher::new();
        answer.body.hash(&mut hasher);
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        if request.headers.get("if-none-match") == Some(&etag) {
            (answer.status, answer.body) = (304, String::new());
        }
        answer.headers.push(("etag", etag));
    }
    answer
}
