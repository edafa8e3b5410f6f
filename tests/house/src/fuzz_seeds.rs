//! The fuzzers start from what the real KPL put: `fuzz/seeds/` is made from `tests/vectors/`.

use std::fs;
use std::path::Path;

use kinesis_aggregation::wire::Frame;

/// Run with `UPDATE=1` to write the seeds anew.
#[test]
fn fuzz_seeds_are_made_from_the_vectors() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/kpl.json")).unwrap();
    let mut count = 0;
    for case in cases.as_array().unwrap() {
        let stored = case["kinesis_records"].as_array().unwrap();
        let Some(data) = stored.first().and_then(|one| one["data"].as_str()) else {
            continue;
        };
        let data = hex::decode(data).unwrap();
        let Some(frame) = Frame::split(&data).filter(|_| data.len() < 4096) else {
            continue;
        };
        let name = case["name"].as_str().unwrap();
        // `framed` takes its settings from the end of the input.
        let framed = [frame.message(), &[1, 0]].concat();
        // `damaged` takes its settings from the start; the digest's last byte is another one.
        let mut damaged = [&[0], &data[4..]].concat();
        *damaged.last_mut().unwrap() ^= 1;
        let seeds_of = [
            ("decode", &data[..]),
            ("framed", &framed),
            ("damaged", &damaged),
            ("oracle", frame.message()),
        ];
        for (target, seed) in seeds_of {
            let file = seeds.join(target).join(name);
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, seed).unwrap();
            }
            assert_eq!(
                fs::read(&file).ok().as_deref(),
                Some(seed),
                "{file:?} is stale"
            );
            count += 1;
        }
    }
    assert!(count > 10);
}
