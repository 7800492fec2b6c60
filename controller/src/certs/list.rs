//! What certificates a folder holds, for whom, and for how long.

use std::{fs, path::Path};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::failure::Failure;

/// One certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) file: String,
    pub(crate) identity: Option<String>,
    pub(crate) role: &'static str,
    pub(crate) expires: String,
    pub(crate) days_left: i64,
}

/// The certificates of the `.pem` files of `folder`, by name.
pub(crate) fn list(folder: &Path) -> Result<Vec<Listed>, Failure> {
    let unread = |error| Failure::Usage(format!("cannot read {}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            found.extend(certificate(&path));
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(found)
}

/// The first certificate of a file; files that hold none are somebody else's.
fn certificate(path: &Path) -> Option<Listed> {
    let der = CertificateDer::from_pem_file(path).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let expires = certificate.validity().not_after.to_datetime();
    Some(Listed {
        file: path.file_name()?.to_string_lossy().into_owned(),
        identity: identity(&certificate),
        role: role(&certificate),
        expires: expires.date().to_string(),
        days_left: (expires - OffsetDateTime::now_utc()).whole_days(),
    })
}

fn identity(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = &certificate.subject_alternative_name().ok()??.value.general_names;
    names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    })
}

fn role(certificate: &X509Certificate<'_>) -> &'static str {
    if certificate.is_ca() {
        return "CA";
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.client_auth && !usage.value.server_auth => "client",
        Ok(Some(usage)) if usage.value.server_auth && !usage.value.client_auth => "agent",
        _ => "other",
    }
}
