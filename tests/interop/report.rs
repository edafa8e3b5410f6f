//! What is printed of a case. These are the runner's own inventions, so they may be shown.

use crate::ours;
use crate::peer::{Answer, Case, Item};

pub(crate) fn case(case: &Case) {
    println!("  data     {}", hex::encode(&case.data));
    println!("  key      {:?}", case.partition_key);
    match case.range {
        Some(range) => println!("  range    {range}"),
        None => println!("  range    none"),
    }
}

pub(crate) fn both(case: &Case, answer: &Answer) {
    self::case(case);
    match ours::read(case) {
        Ok(ours) => {
            println!("  ours     {:?}", ours.outcome);
            for r in &ours.items {
                println!("           {}", item(r));
            }
            for loss in &ours.losses {
                println!("           {loss}");
            }
        }
        Err(panicked) => println!("  ours     {panicked}"),
    }
    self::answer(answer);
}

pub(crate) fn answer(answer: &Answer) {
    println!("  theirs   {:?} {}", answer.status, answer.text);
    for r in &answer.items {
        println!("           {}", item(r));
    }
}

pub(crate) fn item(r: &Item) -> String {
    let text = |key: &Option<Vec<u8>>| match key {
        Some(key) => format!("\"{}\"", key.escape_ascii()),
        None => "null".to_owned(),
    };
    let aggregated = if r.aggregated { "aggregated" } else { "plain" };
    format!(
        "{aggregated} {} key {} explicit hash key {} data {}",
        r.sub_sequence_number,
        text(&r.partition_key),
        text(&r.explicit_hash_key),
        hex::encode(&r.data),
    )
}

/// A user record that was put: its data matter by their length alone.
pub(crate) fn put(r: &Item) -> String {
    let key = r.partition_key.as_deref().unwrap_or_default();
    let hash_key = r.explicit_hash_key.as_deref().unwrap_or_default();
    format!(
        "key \"{}\" explicit hash key \"{}\" {} bytes",
        key.escape_ascii(),
        hash_key.escape_ascii(),
        r.data.len()
    )
}
