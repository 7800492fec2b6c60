//! The story as plain lines: one per change, no cursor movement, good in any log.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use ripcord_proto::v1::{Activity, Event, Phase, Severity};

use super::{duration, sanitize::sanitize};

/// `12:30:59  message`, with the number where the event is another deployment's.
pub(crate) fn event_line(event: &Event, own: u64, zone: &TimeZone) -> String {
    let clock = event.time.as_ref().map_or_else(
        || "--:--:--".to_owned(),
        |time| {
            Timestamp::new(time.seconds, time.nanos)
                .map_or_else(|_| "--:--:--".to_owned(), |time| clock(time, zone))
        },
    );
    format!("{clock}  {}{}", other_number(event, own), event_text(event))
}

/// The hour of an instant.
pub(crate) fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// An instant as people read it in a list.
pub(crate) fn date(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `#143 ` where the event is not of deployment `own`.
pub(crate) fn other_number(event: &Event, own: u64) -> String {
    let is_other = own != 0 && event.deployment != 0 && event.deployment != own;
    if is_other { format!("#{} ", event.deployment) } else { String::new() }
}

/// What the event says, marked where it is not good.
pub(crate) fn event_text(event: &Event) -> String {
    if let Some(output) = &event.output {
        return format!("{} | {}", sanitize(&output.source), sanitize(&output.line));
    }
    let mark = match event.severity() {
        Severity::Error => "error: ",
        Severity::Warning => "warning: ",
        Severity::Info | Severity::Unspecified => "",
    };
    format!("{mark}{}", sanitize(&event.message))
}

/// What is said when nothing happened for a while.
pub(crate) fn heartbeat(phase: Phase, waited: Duration, activity: Option<&Activity>) -> String {
    let far = activity.map(|activity| format!(", {}", super::terminal::activity_text(activity)));
    let far = far.unwrap_or_default();
    format!("… still {}, {}{far}", super::phase_name(phase), duration(waited))
}

#[cfg(test)]
mod tests {
    use ripcord_proto::v1::Output;

    use super::*;

    fn event(message: &str) -> Event {
        let time = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 };
        Event { deployment: 142, time: Some(time), message: message.to_owned(), ..Event::default() }
    }

    #[test]
    fn a_line_has_the_time_and_the_harmless_message() {
        let line = event_line(&event("Fix \u{1b}[2Jbug"), 142, &TimeZone::UTC);
        assert_eq!(line, "22:13:20  Fix bug");
    }

    #[test]
    fn events_of_another_deployment_and_bad_ones_say_so() {
        let mut bad = event("probe failed");
        bad.set_severity(Severity::Error);
        assert_eq!(event_line(&bad, 141, &TimeZone::UTC), "22:13:20  #142 error: probe failed");
    }

    #[test]
    fn output_names_its_command() {
        let output = Output { source: "check".into(), line: "E501".into(), ..Output::default() };
        let event = Event { output: Some(output), ..event("") };
        assert_eq!(event_line(&event, 142, &TimeZone::UTC), "22:13:20  check | E501");
    }

    #[test]
    fn a_heartbeat_says_what_takes_so_long() {
        let line = heartbeat(Phase::Watching, Duration::from_secs(135), None);
        assert_eq!(line, "… still watching, 2 min 15 s");
    }
}
