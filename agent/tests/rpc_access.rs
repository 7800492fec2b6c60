//! The access table, against the plainest reading of its rules.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use ripcord_agent::{
    config::{AccessRule, EnvironmentSelector, IdentityPattern, RightName},
    rpc::access::AccessTable,
};

const OPERATOR: &str = "spiffe://lab/operator/ann";
const VIEWER: &str = "spiffe://lab/viewer/bob";
const IDENTITIES: [&str; 3] = [OPERATOR, VIEWER, "spiffe://lab/operators/eve"];
const PATTERNS: [&str; 4] = [OPERATOR, VIEWER, "spiffe://lab/operator/*", "spiffe://lab/*"];
const ENVIRONMENTS: [&str; 2] = ["lab", "prod"];

fn rule() -> impl Strategy<Value = (usize, usize, usize)> {
    (0..PATTERNS.len(), 0..=ENVIRONMENTS.len(), 0..RightName::ALL.len())
}

fn access_rule((pattern, environment, right): (usize, usize, usize)) -> AccessRule {
    let environment = ENVIRONMENTS.get(environment).copied().unwrap_or("*").to_owned();
    let selector = EnvironmentSelector::try_from(environment).unwrap();
    let identity = IdentityPattern::try_from(PATTERNS[pattern].to_owned()).unwrap();
    let rights = BTreeSet::from([RightName::ALL[right]]);
    AccessRule { identity, allow: [(selector, rights)].into() }
}

fn text_matches(pattern: &str, text: &str) -> bool {
    pattern == text || pattern.strip_suffix('*').is_some_and(|prefix| text.starts_with(prefix))
}

#[test]
fn without_rules_nobody_may_do_anything() {
    for right in RightName::ALL {
        let table = AccessTable::from_config(&[]);
        assert!(!table.allows(&OPERATOR.parse().unwrap(), right, &"lab".parse().unwrap()));
    }
}

proptest! {
    #[test]
    fn a_table_allows_what_one_of_its_rules_says_and_nothing_else(
        rules in prop::collection::vec(rule(), 0..6),
        (who, place, right) in (0..IDENTITIES.len(), 0..ENVIRONMENTS.len(), 0..RightName::ALL.len()),
    ) {
        let expected = rules.iter().any(|(pattern, environment, granted)| {
            text_matches(PATTERNS[*pattern], IDENTITIES[who])
                && (*environment == ENVIRONMENTS.len() || *environment == place)
                && *granted == right
        });
        let table: Vec<AccessRule> = rules.into_iter().map(access_rule).collect();
        let allowed = AccessTable::from_config(&table).allows(
            &IDENTITIES[who].parse().unwrap(),
            RightName::ALL[right],
            &ENVIRONMENTS[place].parse().unwrap(),
        );
        prop_assert_eq!(allowed, expected);
    }
}
