//! Chooses whom a recreation stops before `down` begins, and without waiting: the deaf, but not from
//! under one that stops in order and needs them until it has. Pure.

use bollard::models::ContainerInspectResponse;

use super::{select::Found, stopping::Stop};

/// A running container, and how it is stopped.
pub(super) struct Stopping<'a> {
    pub(super) container: &'a Found,
    pub(super) look: ContainerInspectResponse,
    pub(super) stop: Stop,
}

/// Leaves to `down` those of the deaf on whom others depend that are left to it as well: it stops them
/// after those.
pub(super) fn spare_needed(all: &mut [Stopping<'_>]) {
    while let Some(at) = all.iter().position(|each| is_needed(each, all)) {
        let Stopping { container, look, stop } = &mut all[at];
        *stop = Stop::after_others(look, &container.source);
    }
}

fn is_needed(one: &Stopping<'_>, all: &[Stopping<'_>]) -> bool {
    let Some(service) = &one.container.service else { return false };
    let depends =
        |other: &Stopping<'_>| !other.stop.is_cut_short && other.container.needs.contains(service);
    one.stop.is_cut_short && all.iter().any(depends)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn container(service: &str, needs: &[&str]) -> Found {
        Found {
            id: service.to_owned(),
            source: service.into(),
            created: 0,
            running: true,
            service: Some(service.to_owned()),
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }

    fn stopping(container: &Found, is_cut_short: bool) -> Stopping<'_> {
        let stop = Stop { grace: Duration::ZERO, remark: None, is_cut_short };
        Stopping { container, look: ContainerInspectResponse::default(), stop }
    }

    #[test]
    fn the_deaf_are_cut_off_unless_one_that_stops_in_order_needs_them_even_through_another() {
        let found = [
            container("db", &[]),
            container("api", &["db"]),
            container("web", &["api"]),
            container("mail", &[]),
            container("cron", &["mail"]),
        ];
        let mut all: Vec<_> = found.iter().map(|it| stopping(it, it.id != "web")).collect();
        spare_needed(&mut all);
        let cut = all.iter().filter(|each| each.stop.is_cut_short);
        assert_eq!(cut.map(|each| &*each.container.source).collect::<Vec<_>>(), ["mail", "cron"]);
        assert_eq!(all[0].stop.grace, Duration::from_secs(10), "it gets its own time");
    }
}
