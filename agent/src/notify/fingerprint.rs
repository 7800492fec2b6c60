//! Short names for things whose own are too long, or nobody's business.

use ring::digest;

/// A short name for `parts`: equal for equal ones, and nothing can be read back from it.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    let digest = context.finish();
    digest.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
