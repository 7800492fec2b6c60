//! GitHub Actions: what its log understands, and how to keep outside text from speaking to it.

/// Begins the one group that the story folds into.
pub(crate) fn group(title: &str) -> String {
    format!("::group::{}", data(title))
}

/// Ends the group.
pub(crate) const END_GROUP: &str = "::endgroup::";

/// From here on the log obeys nothing until [`resume`].
pub(crate) fn stop(token: &str) -> String {
    format!("::stop-commands::{token}")
}

/// The log obeys again.
pub(crate) fn resume(token: &str) -> String {
    format!("::{token}::")
}

/// The annotation of a failed run.
pub(crate) fn error(message: &str) -> String {
    format!("::error title=ripcord::{}", data(message))
}

/// An annotation with properties, such as the line of a file that it is about.
pub(crate) fn annotation(command: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{command} {}::{}", properties.join(","), data(message))
}

/// Lines that may say anything, so that none of them is a command.
pub(crate) fn defused(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let begins = line.trim_start().starts_with("::");
        if begins { line.replacen("::", ": :", 1) } else { line.to_owned() }
    });
    lines.collect::<String>().replace("##[", "# #[")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Colons and commas end a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_begin_a_command_of_its_own() {
        assert_eq!(error("50 % red\n::error::x"), "::error title=ripcord::50 %25 red%0A::error::x");
        assert_eq!(
            defused("std::io\n  ::set-env::x\n##[debug]y"),
            "std::io\n  : :set-env::x\n# #[debug]y"
        );
    }

    #[test]
    fn a_property_cannot_end_itself() {
        let properties = [("file", "a,b:c.py".to_owned()), ("title", "50 %\n".to_owned())];
        assert_eq!(
            annotation("error", &properties, "x: y, 50 %\n::z"),
            "::error file=a%2Cb%3Ac.py,title=50 %25%0A::x: y, 50 %25%0A::z"
        );
    }
}
