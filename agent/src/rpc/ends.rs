//! When certificates and revocation lists end, read from the files themselves.

use ripcord_core::{Ends, Timestamp};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::{
    prelude::{CertificateRevocationList, FromDer, X509Certificate},
    time::ASN1Time,
    x509::X509Name,
};

/// When `certificate` ends, under the name `whose`; `None` when it cannot be read.
pub(super) fn of_certificate(whose: &str, certificate: &CertificateDer<'_>) -> Option<Ends> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some(ends(whose.to_owned(), validity.not_before, validity.not_after))
}

/// When an authority that signs controllers' certificates ends: there may be several.
pub(super) fn of_authority(authority: &CertificateDer<'_>) -> Option<Ends> {
    let (_, parsed) = X509Certificate::from_der(authority).ok()?;
    of_certificate(&named("client CA certificate", parsed.subject()), authority)
}

/// Until when a revocation list is said to be current; `None` when it does not say so.
pub(super) fn of_list(list: &CertificateRevocationListDer<'_>) -> Option<Ends> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    let whose = named("revocation list", list.issuer());
    Some(ends(whose, list.last_update(), list.next_update()?))
}

fn named(what: &str, name: &X509Name<'_>) -> String {
    let common_name = name.iter_common_name().find_map(|name| name.as_str().ok());
    common_name.map_or_else(|| what.to_owned(), |name| format!("{what} ({name})"))
}

fn ends(whose: String, from: ASN1Time, until: ASN1Time) -> Ends {
    let at = |time: ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    Ends { whose, from: at(from), until: at(until) }
}
