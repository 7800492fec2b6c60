//! The confirmation word is compared byte for byte.
#![allow(missing_docs)]

use ripcord_core::{Refusal, admission::refuse_unconfirmed};

#[test]
fn only_the_very_word_confirms() {
    assert_eq!(refuse_unconfirmed(Some("DEPLOY"), "DEPLOY"), None);
    for given in ["", "deploy", "Deploy", "DEPLOY ", " DEPLOY", "DEPLOYS"] {
        assert_eq!(
            refuse_unconfirmed(Some("DEPLOY"), given),
            Some(Refusal::Confirmation),
            "{given:?}"
        );
    }
    assert_eq!(refuse_unconfirmed(None, "anything"), None);
}
