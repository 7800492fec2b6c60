//! A real agent that watches a real page: an outage is noticed without any deployment, outlives the
//! agent, and a certificate that ends is seen from afar.
#![allow(missing_docs, clippy::unwrap_used)]

mod support {
    pub mod git;
    pub mod mtls;
    pub mod pki;
    pub mod site;
}

use std::{fs, time::Duration};

use ripcord_proto::v1::StatusRequest;
use support::site::{Site, deploy, request, status};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn monitored(site: &Site) -> String {
    site.lab().replace("interval = \"50ms\"", "interval = \"50ms\"\nmonitor = \"100ms\"")
}

// The page is served while the test waits.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_noticed_without_a_deployment_and_its_end_by_the_next_agent() {
    let site = Site::new().await;
    let agent = site.start(&monitored(&site));
    let sha = site.git.pushed("second");
    let mut client = site.client(&agent);
    deploy(&mut client, request("lab", &sha)).await;
    assert!(status(&mut client, "lab").await.monitored);
    let page = site.git.live.join("page.txt");
    let good = fs::read_to_string(&page).unwrap();
    fs::write(&page, "broken").unwrap();
    agent.wait_for_line("the application is down: HTTP 500 instead of 200");
    agent.kill();
    let agent = site.start(&monitored(&site));
    fs::write(&page, good).unwrap();
    agent.wait_for_line("the application is up again, after ");
}

#[tokio::test]
async fn status_shows_what_the_probe_expects_and_which_certificate_ends_soon() {
    let site = Site::new().await;
    site.pki.install_agent(&site.pki.agent_that_ends(DAY * 90, DAY * 6));
    let agent = site.start(&site.lab());
    let mut client = site.client(&agent);
    let answer = client.status(StatusRequest::default()).await.unwrap().into_inner();
    let certificates = answer.agent.unwrap().certificates;
    let ending: Vec<_> = certificates.iter().filter(|it| it.ends_soon).collect();
    let [own] = &ending[..] else { panic!("{certificates:?}") };
    assert_eq!((own.whose.as_str(), own.days_left), ("agent certificate", 6));
    let lab = &answer.environments[0];
    assert_eq!((lab.expected_status, lab.probe_url == lab.url, lab.monitored), (200, true, false));
}
