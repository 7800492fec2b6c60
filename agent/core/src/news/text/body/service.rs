//! The environment and the agent, besides deployments.

use crate::{
    ids::Identity,
    news::{Site, phrase::Phrase, story::Subject, text::page::Page},
};

pub(super) fn held(page: &mut Page, site: &Site, by: &Identity, reason: &str) {
    page.by(by);
    page.reason(reason);
    resume(page, site);
}

pub(super) fn flapping(page: &mut Page, site: &Site) {
    page.say(Phrase(
        "Trois rollbacks automatiques en une heure : plus aucun déploiement avant la reprise",
        "Three automatic rollbacks within an hour: no deployments until it is resumed",
    ));
    resume(page, site);
}

fn resume(page: &mut Page, site: &Site) {
    page.command(Phrase("Reprendre", "Resume"), &format!("resume {}", site.name));
}

pub(super) fn resumed(page: &mut Page, by: &Identity) {
    page.by(by);
}

pub(super) fn down(page: &mut Page, site: &Site, status: Option<u16>, detail: &str) {
    page.url(site);
    http(page, status);
    page.detail(detail);
}

pub(super) fn wrong_content(page: &mut Page, site: &Site, status: Option<u16>, detail: &str) {
    page.url(site);
    http(page, status);
    page.detail(detail);
    page.gap();
    page.say(Phrase(
        "Le service répond, mais pas avec le contenu attendu",
        "The service answers, with something else than it should",
    ));
}

fn http(page: &mut Page, status: Option<u16>) {
    let label = Phrase("HTTP", "HTTP");
    match status {
        Some(status) => page.own(label, status.to_string()),
        None => page.own(label, Phrase("pas de réponse", "no answer").in_locale(page.locale())),
    }
}

pub(super) fn came_back(page: &mut Page, site: &Site, down_ms: u64) {
    page.lasting(Phrase("Durée de la panne", "Was down for"), down_ms);
    page.url(site);
}

pub(super) fn agent_restarted(page: &mut Page, resumed: &[Subject], away_ms: Option<u64>) {
    if let Some(away_ms) = away_ms {
        page.lasting(Phrase("Absence", "Away for"), away_ms);
    }
    for of in resumed {
        let which = format!("{} ({})", page.name_of(of.sha), of.number);
        page.own(Phrase("Reprend", "Goes on with"), which);
    }
}

pub(super) fn certificate(page: &mut Page, whose: &str, days: i64) {
    page.foreign(Phrase("Certificat", "Certificate"), whose);
    let label = Phrase("Expire dans", "Ends in");
    match days {
        ..=0 => page.say(Phrase(
            "Expiré : les connexions sont refusées jusqu'à son renouvellement",
            "It has ended: connections are refused until it is renewed",
        )),
        1 => page.own(label, Phrase("1 jour", "1 day").in_locale(page.locale())),
        _ => {
            let unit = Phrase("jours", "days").in_locale(page.locale());
            page.own(label, format!("{days} {unit}"));
        }
    }
}
