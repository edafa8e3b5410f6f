//! What is saved of files is loaded again; and any bytes as the database, ours and the Amazon Kinesis
//! Agent's, are an error at worst.
#![no_main]

use arbitrary::Arbitrary;
use kinesis_aggregation_agent::{
    FileId, Head, MARK, Mark, PositionStore, Saved, SavedFile, hand_back, read_checkpoints,
};

#[derive(Arbitrary, Debug)]
struct File<'a> {
    key: u64,
    path: &'a str,
    id: Option<(u64, u64)>,
    head: &'a [u8],
    before: &'a [u8],
    position: u64,
    len: u64,
    modified: i64,
    is_finished: bool,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    listed_at: i64,
    files: Vec<File<'a>>,
    later: Vec<File<'a>>,
    database: &'a [u8],
}

fn saved(listed_at: i64, files: &[File<'_>]) -> Saved {
    let mut files: Vec<SavedFile> = files
        .iter()
        .map(|file| SavedFile {
            key: file.key,
            path: file.path.into(),
            first_path: file.path.into(),
            id: file.id.map(|(device, inode)| FileId { device, inode }),
            head: Head::of(file.head),
            position: file.position,
            before: Mark::of(file.before),
            len: file.len,
            modified: file.modified.into(),
            is_finished: file.is_finished,
        })
        .collect();
    // As the follower numbers them: each number once, the lowest first.
    files.sort_by_key(|file| file.key.cast_signed());
    files.dedup_by_key(|file| file.key);
    for file in &files {
        assert!(file.head.all().len() <= MARK);
    }
    Saved {
        files,
        listed_at: listed_at.into(),
    }
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agent.db");
    let mut store = PositionStore::open(&path).expect("opens");
    for files in [&input.files, &input.later] {
        let saved = saved(input.listed_at, files);
        store.save([("flow", &saved)]).expect("saves");
        assert_eq!(store.load("flow").expect("loads"), Some(saved.clone()));
        let agents = directory.path().join("checkpoints");
        hand_back(&agents, false, "s", "/p", &saved).expect("writes");
        let _ = read_checkpoints(&agents, false, "s", "/p");
    }
    drop(store);
    let damaged = directory.path().join("damaged.db");
    std::fs::write(&damaged, input.database).expect("written");
    if let Ok(store) = PositionStore::open(&damaged) {
        let _ = store.load("flow");
    }
    let _ = read_checkpoints(&damaged, false, "s", "/p");
});
