//! Why a token proves nothing. What a token says is never repeated, what it should say may be.

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Doubt {
    #[error("the token is longer than {} KiB", super::token::LONGEST / 1024)]
    Oversized,
    #[error("the token is no JSON web token: {0}")]
    Malformed(&'static str),
    #[error("the token is not signed with RS256 or ES256")]
    Algorithm,
    #[error("the token is signed with a key that {issuer} does not publish")]
    UnknownKey { issuer: String },
    #[error("the token is not signed by the key that it names")]
    Signature,
    #[error("the keys of {issuer} cannot be had: {why}")]
    Issuer { issuer: String, why: String },
    #[error("the token has no usable claim `{0}`")]
    Claim(String),
    #[error("the claim `{claim}` of the token is not {expected:?}")]
    WrongClaim { claim: String, expected: String },
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet: compare the clocks")]
    NotYet,
    #[error("the token is valid for more than an hour, which is too long for a proof")]
    TooLong,
}
