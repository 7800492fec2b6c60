//! The last line of each written file: it tells whether anybody has changed the file since.

use ring::digest;

const BEGINNING: &str = "# ripcord init ";

/// `text` with the line that vouches for it.
pub(super) fn marked(text: &str) -> String {
    format!("{text}{BEGINNING}{}: this line tells whether the file was edited\n", digest_of(text))
}

/// Whether `ripcord init` wrote this, and nobody has changed it since.
pub(super) fn is_untouched(text: &str) -> bool {
    let Some(at) = text.rfind(BEGINNING) else { return false };
    text == marked(&text[..at])
}

fn digest_of(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_changed_letter_makes_the_file_somebody_elses() {
        let written = marked("on: push\n");
        assert!(is_untouched(&written));
        assert!(!is_untouched(&written.replace("push", "pull")));
        assert!(!is_untouched(&format!("{written}# more\n")));
        assert!(!is_untouched("on: push\n"));
    }
}
