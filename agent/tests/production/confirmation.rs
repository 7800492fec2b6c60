//! The word is the agent's to judge: byte for byte, and nobody is let through in silence.

use ripcord_core::{Event, Refusal};
use ripcord_proto::v1;

use crate::place::{Place, confirmed, dry, reason};

#[tokio::test]
async fn a_word_in_another_case_with_a_space_or_none_at_all_is_refused_and_journaled_with_who() {
    let place = Place::new().await;
    place.validate(1).await;
    for (number, word) in ["deploy", "DEPLOY ", " DEPLOY", "DEPLOY\n", ""].into_iter().enumerate() {
        let request = v1::DeployRequest { confirm: word.into(), ..confirmed() };
        assert_eq!(reason(&place.deploy(request).await.unwrap_err()), "CONFIRMATION", "{word:?}");
        let refused = place.refused().await;
        assert_eq!(refused.len(), number + 1, "{word:?}");
        let Some(Event::Refused { by, refusal, .. }) = refused.last() else { panic!("refused") };
        assert_eq!(by.as_str(), "spiffe://lab/operator/ann");
        assert_eq!(*refusal, Refusal::Confirmation);
    }
    assert_eq!(place.prod.handle.state.borrow().live, None);
}

#[tokio::test]
async fn a_dry_run_asks_for_no_word_and_a_wrong_one_is_refused_without_a_trace() {
    let place = Place::new().await;
    place.validate(1).await;
    place.deploy(dry()).await.unwrap();
    let right = v1::DeployRequest { confirm: "DEPLOY".into(), ..dry() };
    place.deploy(right).await.unwrap();
    let wrong = v1::DeployRequest { confirm: "deploy".into(), ..dry() };
    assert_eq!(reason(&place.deploy(wrong).await.unwrap_err()), "CONFIRMATION");
    assert_eq!(place.refused().await, []);
}
