//! The promises of the core, each against worlds in which anything happened in any order.
#![allow(missing_docs, clippy::unwrap_used)]

mod checks;
mod model;

use checks::with_every_promise;
use model::moves::a_world;
use proptest::prelude::*;

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

macro_rules! against_any_world {
    ($($part:ident { $($promise:ident)* })*) => {
        proptest! {
            #![proptest_config(cases())]
            $($(
                #[test]
                fn $promise(world in a_world()) {
                    checks::$part::$promise(&world)?;
                }
            )*)*
        }
    };
}
with_every_promise!(against_any_world);
