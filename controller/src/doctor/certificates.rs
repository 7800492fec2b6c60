//! The three files that prove who is who, each as it lies on this disk.

use std::{fs, os::unix::fs::MetadataExt as _};

use ripcord_core::{Ends, Identity, Timestamp};
use rustls::RootCertStore;
use x509_parser::{
    prelude::{FromDer, GeneralName, X509Certificate},
    time::ASN1Time,
};

use super::{
    Hop, Known,
    configuration::{From, how_to_give},
};
use crate::{client, credential::Credential, exit::Exit, failure::Failure, target::Target};

/// How an agent's certificate is made; the controller's fixes name it.
const ISSUE: &str = "issue a new one with `ripcord certs issue`, with the key of the same CA";

/// What can be shown to the agent.
#[derive(Default)]
pub(super) struct Proven {
    /// Whom to believe; nothing without it.
    pub(super) roots: Option<RootCertStore>,
    /// Certificate, key and CA, all usable.
    pub(super) target: Option<Target>,
}

/// Looks at certificate, key and CA.
pub(super) fn look(known: &Known) -> (Vec<Hop>, Proven) {
    let certificate = file("certificate", "cert", known.cert.as_ref(), certificate);
    let key = file("key", "key", known.key.as_ref(), |key| private_key(key, known));
    let (ca, roots) = match &known.ca {
        Some(ca) => authority(ca),
        None => (missing("ca", "ca"), None),
    };
    let all_usable = [&certificate, &key, &ca].into_iter().all(Hop::is_fine);
    let target = if all_usable { target(known) } else { None };
    (vec![certificate, key, ca], Proven { roots, target })
}

fn target(known: &Known) -> Option<Target> {
    let value = |file: &Option<From<Credential>>| Some(file.as_ref()?.value.clone());
    let (host, port) = known.address.clone()?;
    let (cert, key, ca) = (value(&known.cert)?, value(&known.key)?, value(&known.ca)?);
    Some(Target { host, port, cert, key, ca })
}

fn file(
    name: &str,
    flag: &str,
    file: Option<&From<Credential>>,
    look: impl FnOnce(&From<Credential>) -> Hop,
) -> Hop {
    file.map_or_else(|| missing(name, flag), look)
}

fn missing(name: &str, flag: &str) -> Hop {
    let detail = format!("nothing says which file it is (--{flag})");
    Hop::failed(name, Exit::Access, detail).fix(how_to_give(flag))
}

fn unusable(name: &str, file: &From<Credential>, why: &str) -> Hop {
    Hop::failed(name, Exit::Access, format!("{}: {why}", file.shown()))
}

/// The client certificate: who we are, and for how long.
fn certificate(file: &From<Credential>) -> Hop {
    let name = "certificate";
    let chain = match file.value.certificates() {
        Ok(chain) => chain,
        Err(failure) => return unread(name, &failure).fix("name the PEM file of a certificate"),
    };
    let first = chain.first().map(|der| X509Certificate::from_der(der));
    let Some(Ok((_, certificate))) = first else {
        return unusable(name, file, "it holds no X.509 certificate").fix(ISSUE);
    };
    if let Some(why) = unfit(&certificate) {
        return unusable(name, file, why).fix(ISSUE);
    }
    let identity = match identity(&certificate) {
        Ok(identity) => identity,
        Err(why) => return unusable(name, file, &why).fix(ISSUE),
    };
    aged(name, file, &certificate, &format!("{identity}, "))
}

/// A certificate that an agent never accepts, whoever signed it.
fn unfit(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    if certificate.is_ca() {
        return Some("it is the certificate of a CA, not of a client");
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.client_auth => None,
        Ok(Some(usage)) if usage.value.server_auth => {
            Some("it is an agent's certificate: clients need their own")
        }
        Ok(_) | Err(_) => Some("it is not made for clients (extended key usage clientAuth)"),
    }
}

/// Exactly one URI that is an identity: as the agent reads it.
fn identity(certificate: &X509Certificate<'_>) -> Result<Identity, String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| &names.value.general_names);
    let uris: Vec<&str> = names
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris.as_slice() {
        [uri] => uri.parse().map_err(|error| format!("it names nobody: {error}")),
        [] => Err("it names nobody: it has no URI such as spiffe://shop/operator/ann".to_owned()),
        several => Err(format!("it names {} identities, and may name one", several.len())),
    }
}

/// How long a certificate still counts.
fn aged(name: &str, file: &From<Credential>, certificate: &X509Certificate<'_>, who: &str) -> Hop {
    let (validity, ends, now) = (certificate.validity(), ends(certificate), now());
    if now.0 < ends.from.0 {
        let why = format!("{who}does not count yet: it begins at {}", validity.not_before);
        return unusable(name, file, &why).fix("set this machine's clock, or wait");
    }
    let days = ends.days_left(now);
    if days <= 0 {
        let why = format!("{who}expired at {}", validity.not_after);
        return unusable(name, file, &why).fix(ISSUE);
    }
    let detail = format!("{}: {who}{days} days left", file.shown());
    if ends.is_near(now) { Hop::warning(name, detail).fix(ISSUE) } else { Hop::fine(name, detail) }
}

/// From when until when a certificate counts.
pub(super) fn ends(certificate: &X509Certificate<'_>) -> Ends {
    let at = |time: ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    let validity = certificate.validity();
    let whose = common_name(certificate);
    Ends { whose, from: at(validity.not_before), until: at(validity.not_after) }
}

pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The key: the certificate's own, and readable for nobody else.
fn private_key(file: &From<Credential>, known: &Known) -> Hop {
    let name = "key";
    let key = match file.value.key() {
        Ok(key) => key,
        Err(failure) => return unread(name, &failure).fix("name the PEM file of the private key"),
    };
    let chain = known.cert.as_ref().map(|cert| cert.value.certificates());
    let Some(Ok(chain)) = chain else {
        return Hop::fine(
            name,
            format!("{}: there is no certificate to compare with", file.shown()),
        );
    };
    if let Err(error) = client::with_identity(RootCertStore::empty(), chain, key) {
        return unusable(name, file, &client::unusable_key(&error))
            .fix("name the key that was made together with the certificate");
    }
    if let Credential::File { path, .. } = &file.value
        && fs::metadata(path).is_ok_and(|about| about.mode() & 0o077 != 0)
    {
        let fix = format!("chmod 600 {}", path.display());
        return Hop::warning(name, format!("{}: others may read it", file.shown())).fix(fix);
    }
    Hop::fine(name, format!("{}: the certificate's own", file.shown()))
}

/// The CA of agents.
fn authority(file: &From<Credential>) -> (Hop, Option<RootCertStore>) {
    let name = "ca";
    let fix = "name the certificate of the CA that signs agents: `agent-ca.pem` of `ripcord certs`";
    let (roots, chain) = match (client::roots(&file.value), file.value.certificates()) {
        (Ok(roots), Ok(chain)) => (roots, chain),
        (Err(failure), _) | (_, Err(failure)) => return (unread(name, &failure).fix(fix), None),
    };
    let hop = match chain.first().map(|der| X509Certificate::from_der(der)) {
        Some(Ok((_, certificate))) if !certificate.is_ca() => {
            unusable(name, file, "it is not the certificate of a CA").fix(fix)
        }
        Some(Ok((_, certificate))) => {
            aged(name, file, &certificate, &format!("{}, ", common_name(&certificate)))
        }
        Some(Err(_)) | None => unusable(name, file, "it holds no X.509 certificate").fix(fix),
    };
    (hop, Some(roots))
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    let name = certificate.subject().iter_common_name().find_map(|name| name.as_str().ok());
    name.unwrap_or("without a name").to_owned()
}

fn unread(name: &str, failure: &Failure) -> Hop {
    Hop::failed(name, Exit::Access, failure.to_string())
}
