//! The controller (being written).
fn main() {}
