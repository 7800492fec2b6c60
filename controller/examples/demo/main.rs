//! The demo (being written).
fn main() {}
