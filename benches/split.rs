//! scratch
#![allow(missing_docs)]
mod shared;
use std::hint::black_box;
use kinesis_aggregation::*;
use kinesis_aggregation::wire::*;
use shared::rounds::*;
use shared::*;
fn main() {
    let page = Traffic::USUAL.aggregates(100);
    let n: usize = page.iter().map(|r| r.user_record_count()).sum();
    let msgs: Vec<&[u8]> = page.iter().map(|r| Frame::split(r.data()).unwrap().message()).collect();
    let mut index = Index::new();
    let d = Deaggregator::new();
    let batch = d.deaggregate_batch(&page);
    let ur = Traffic::USUAL.user_records(25000);
    let agg = || Traffic::USUAL.aggregator();
    let one = &msgs[..1];
    let mut idx1 = Index::new();
    let times = Times::of(75, &mut [
        contestant(|| md5::digest_many(&msgs)),
        contestant(|| { index.clear(); for m in &msgs { index.append(m).unwrap(); } }),
        contestant(|| { let mut index = Index::new(); for m in &msgs { index.append(m).unwrap(); } index }),
        contestant(|| d.deaggregate_batch(&page)),
        contestant(|| for (_, r) in &batch { let r = r.unwrap(); black_box((r.partition_key(), r.data())); }),
        contestant(|| batch.user_records().for_each(|(_, r)| { let r = r.unwrap(); black_box((r.partition_key(), r.data())); })),
        contestant(|| { let b = d.deaggregate_batch(&page); for (_, r) in &b { let r = r.unwrap(); black_box((r.partition_key(), r.data())); }}),
        with_input(|| ur.clone(), |ur| { let mut a = agg(); let mut v = vec![]; for r in ur { v.extend(a.push(r).unwrap()); } v.extend(a.flush()); v }),
        with_input(|| ur.clone(), |ur| agg().aggregate_batch(ur)),
        with_input(|| ur.clone(), |ur| drop(ur)),
        contestant(|| { for _ in 0..100 { for m in one { idx1.clear(); idx1.append(black_box(m)).unwrap(); } } }),
        contestant(|| batch.owned_user_records().for_each(|(_, r)| { black_box(r.unwrap()); })),
    ]);
    for (i, name) in ["md5 lanes", "index reused", "index fresh", "deaggregate_batch", "iterate for", "iterate for_each", "read all", "write single", "write batch", "drop records", "index in cache", "owned iterate"].iter().enumerate() {
        println!("{name:20} median {:7.2} least {:7.2} ns/record", times.median(i) * 1e9 / n as f64, times.least(i) * 1e9 / n as f64);
    }
}
