//! The wire contract of ripcord, as Rust: messages, clients and servers of `ripcord.v1`.
//!
//! The code under `generated/` is committed, so that a build needs no protobuf compiler;
//! `tests/generated_is_current.rs` proves that it is what the `.proto` files say.

/// The Rust path of the package `ripcord.v1`.
pub mod v1 {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    include!("generated/ripcord.v1.rs");
}

/// The encoded `FileDescriptorSet` of the package, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/ripcord.v1.fds");

/// The domain of every `google.rpc.ErrorInfo` that an agent sends.
pub const ERROR_DOMAIN: &str = "ripcord";
