//! How long it takes. Not run by itself: `cargo test -p ripcord-agent --test backup -- --ignored --nocapture`.

use std::{fs, time::Instant};

use crate::support::{Place, noise};

async fn measured(what: &str, place: &Place) {
    let begun = Instant::now();
    let made = place.make(1).await;
    let saved = begun.elapsed();
    let begun = Instant::now();
    place.list().await;
    let listed = begun.elapsed();
    let begun = Instant::now();
    place.restore(&made.id, 2).await;
    let restored = begun.elapsed();
    let size = place.list().await[0].archive_bytes;
    println!("{what}: saved {saved:?} ({size} bytes), listed {listed:?}, restored {restored:?}");
}

#[tokio::test]
#[ignore = "measures, and takes its time"]
async fn ten_thousand_small_files_and_one_large_one() {
    let place = Place::new();
    for number in 0..10_000 {
        place.write(&format!("{}/{number}.py", number % 100), &"print('hello')\n".repeat(100));
    }
    measured("10,000 files of 1.5 kB", &place).await;
    let place = Place::new();
    let chunk = noise(1 << 20);
    fs::write(place.live().join("large"), chunk.repeat(1000)).unwrap();
    measured("one file of 1 GB", &place).await;
}
