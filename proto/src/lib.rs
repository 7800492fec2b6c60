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

/// The metadata of a `Deploy` that holds the OIDC token of the caller's workflow.
pub const OIDC_TOKEN: &str = "ripcord-oidc-token";

/// The metadata of a `Deploy` that says, with any value, that the caller fetches a token when it is
/// told for whom. Such a call is a question: where a token is needed it is refused, and nobody is told.
pub const OIDC_ON_DEMAND: &str = "ripcord-oidc-on-demand";

/// The metadata of an `ErrorInfo` that says for whom the token has to be made.
pub const OIDC_AUDIENCE: &str = "audience";
