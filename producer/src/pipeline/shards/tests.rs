//! What lists and landings tell.

use super::*;

fn range(start: u128, end: u128) -> HashKeyRange {
    HashKeyRange::new(HashKey::new(start), HashKey::new(end)).expect("a range")
}

const HALF: u128 = u128::MAX / 2;

fn before() -> Vec<Shard> {
    vec![Shard::open("0", HashKeyRange::FULL)]
}

fn after() -> Vec<Shard> {
    vec![
        Shard::closed("0", HashKeyRange::FULL),
        Shard::open("1", range(0, HALF)),
        Shard::open("2", range(HALF + 1, u128::MAX)),
    ]
}

fn list(shards: &mut Shards, now: Time, list: Option<Vec<Shard>>) -> Listed {
    let answer = list.ok_or(ClientErrorKind::Throttled);
    shards.listed(now, answer, &mut Random::new(Some(1)))
}

#[test]
fn an_unknown_shard_makes_the_map_suspect_until_a_list_shows_it() {
    let mut shards = Shards::default();
    assert!(shards.start_listing(Time::ZERO));
    assert_eq!(
        list(&mut shards, Time::ZERO, Some(before())),
        Listed::NewMap
    );
    assert!(shards.valid().is_some());
    assert_eq!(shards.landed("1", HashKey::MIN), Evidence::StaleMap);
    assert!(shards.valid().is_none());
    assert!(shards.start_listing(Time::ZERO));
    assert_eq!(
        list(&mut shards, Time::ZERO, Some(before())),
        Listed::Confirmed
    );
    assert!(shards.valid().is_none(), "the list was stale");
    let next = shards.wake().expect("again");
    assert!(next <= QUICK_PAUSE * 2, "{next:?}");
    assert!(shards.start_listing(next));
    assert_eq!(list(&mut shards, next, Some(after())), Listed::NewMap);
    assert!(shards.valid().is_some());
    assert_eq!(shards.range("0"), Some(HashKeyRange::FULL));
}

#[test]
fn evidence_that_a_list_explains_is_forgotten_although_it_came_later() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(before()));
    shards.landed("1", HashKey::MIN);
    assert!(shards.start_listing(Time::ZERO));
    // While the list is under way.
    assert_eq!(shards.landed("2", HashKey::MAX), Evidence::StaleMap);
    assert_eq!(shards.landed("1", HashKey::MIN), Evidence::StaleMap);
    list(&mut shards, Time::ZERO, Some(after()));
    assert!(shards.valid().is_some(), "it knows both");
    assert_eq!(shards.landed("1", HashKey::MIN), Evidence::None);
}

#[test]
fn a_split_casts_no_doubt_on_other_shards() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(after()));
    assert_eq!(shards.landed("3", HashKey::MIN), Evidence::StaleMap);
    let predicted = [HashKey::MIN, HashKey::MAX].map(|hash_key| shards.predict(hash_key));
    assert_eq!(predicted, [None, Some(range(HALF + 1, u128::MAX))]);
    assert!(shards.valid().is_none());
    assert_eq!((shards.doubts(), shards.unexplained.len()), (1, 1));
    shards.landed("3", HashKey::new(7));
    assert_eq!((shards.doubts(), shards.unexplained.len()), (1, 1));
}

#[test]
fn a_stale_list_clears_no_shard_that_a_merge_or_a_second_split_put_in_doubt() {
    for (shard_id, hash_key, doubts) in [("3", HashKey::MAX, 2), ("4", HashKey::new(7), 1)] {
        let mut shards = Shards::default();
        list(&mut shards, Time::ZERO, Some(after()));
        shards.landed("3", HashKey::MIN);
        shards.landed(shard_id, hash_key);
        list(&mut shards, Time::ZERO, Some(after()));
        assert_eq!((shards.doubts(), shards.unexplained.len()), (doubts, 2));
    }
}

#[test]
fn a_stale_list_undoes_nothing() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(after()));
    assert_eq!(
        list(&mut shards, Time::ZERO, Some(before())),
        Listed::Confirmed
    );
    let map = shards.valid().expect("still");
    assert_eq!(map.predict(HashKey::MIN).id(), "1");
}

#[test]
fn shards_that_were_forgotten_do_not_block_a_new_list() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(before()));
    let forgotten = after().into_iter().skip(1).collect();
    assert_eq!(
        list(&mut shards, Time::ZERO, Some(forgotten)),
        Listed::NewMap
    );
    assert_eq!(shards.range("0"), Some(HashKeyRange::FULL));
    assert_eq!(shards.landed("0", HashKey::MIN), Evidence::None);
}

#[test]
fn a_late_answer_of_a_closed_shard_is_no_evidence() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(after()));
    assert_eq!(shards.landed("0", HashKey::MIN), Evidence::None);
    assert_eq!(shards.landed("2", HashKey::MIN), Evidence::NotByKey);
}

#[test]
fn pauses_grow_to_thirty_seconds() {
    let mut shards = Shards::default();
    let mut pauses = Vec::new();
    for _ in 0..17 {
        let now = shards.wake().unwrap_or_default();
        assert!(shards.start_listing(now));
        assert_eq!(shards.wake(), None, "one at a time");
        list(&mut shards, now, None);
        pauses.push(shards.pause.as_millis());
    }
    assert_eq!(pauses[..5], [100, 150, 225, 337, 506]);
    assert_eq!(pauses[16], 30_000);
}

#[test]
fn another_range_tells_of_a_stream_made_anew() {
    let mut shards = Shards::default();
    list(&mut shards, Time::ZERO, Some(after()));
    let fewer = vec![
        Shard::open("0", range(0, HALF)),
        Shard::open("1", range(HALF + 1, u128::MAX)),
    ];
    assert_eq!(list(&mut shards, Time::ZERO, Some(fewer)), Listed::Anew);
    assert_eq!(shards.range("1"), Some(range(HALF + 1, u128::MAX)));
    assert_eq!(shards.range("2"), None, "it was the other stream's");
    // Made anew once more.
    assert_eq!(list(&mut shards, Time::ZERO, Some(before())), Listed::Anew);
    assert_eq!(shards.range("1"), None);
}

#[test]
fn after_silence_only_a_list_asked_for_later_tells_that_it_is_the_same_stream() {
    let at = Time::from_secs;
    let mut shards = Shards::default();
    assert!(shards.start_listing(at(0)));
    list(&mut shards, at(1), Some(after()));
    assert!(
        shards.is_of_this_life(at(2)),
        "two seconds after it was asked"
    );
    assert!(!shards.is_of_this_life(at(3)));
    shards.seen(at(2), at(2));
    assert!(shards.is_of_this_life(at(4)));
    shards.seen(at(5), at(5));
    assert!(!shards.is_of_this_life(at(5)), "too late");
    shards.confirm(at(5));
    assert!(shards.start_listing(at(6)));
    list(&mut shards, at(9), Some(after()));
    assert!(shards.is_of_this_life(at(5)) && shards.is_of_this_life(at(8)));
    assert_eq!(shards.wake(), None);
}

#[test]
fn a_doubt_is_not_settled_by_a_list_that_was_asked_for_before() {
    let at = Time::from_secs;
    let mut shards = Shards::default();
    list(&mut shards, at(0), Some(after()));
    shards.confirm(at(1));
    assert!(shards.start_listing(at(1)));
    shards.doubt_all(at(2));
    list(&mut shards, at(3), Some(after()));
    assert!(shards.valid().is_none() && !shards.is_of_this_life(at(3)));
    assert!(shards.start_listing(at(3)));
    list(&mut shards, at(4), Some(after()));
    assert!(shards.valid().is_some() && shards.is_of_this_life(at(3)));
}
