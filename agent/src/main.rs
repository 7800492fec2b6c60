//! The agent (being written).
fn main() {}
