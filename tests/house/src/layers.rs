//! The house as ARCHITECTURE.md draws it: rooms import only from rooms above them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::imports::Package;

/// From the top down; rooms in one group do not import each other.
const ROOMS: &[&[&str]] = &[
    &["md5", "decompress"],
    &["hash_key"],
    &["error"],
    &["sequence", "proto"],
    &["wire"],
    &["record"],
    &["deaggregate", "aggregate", "shard"],
    &["sharded"],
    &["packing"],
    &["sdk", "lambda", "serialize"],
];

fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|group| group.contains(&room))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The library's.
fn src() -> PathBuf {
    root().join("src")
}

/// The folder of each package's source, and its root file.
const PACKAGES: &[(&str, &str)] = &[
    ("src", "lib.rs"),
    ("producer/src", "lib.rs"),
    ("inspect/src", "lib.rs"),
    ("agent/src", "lib.rs"),
    ("kagg/src", "main.rs"),
];

#[test]
fn files_that_import_each_other_are_found() {
    let folder = root().join("tests/house/circle");
    let package = Package::read(&folder.join("lib.rs"));
    let circle = vec![folder.join("a.rs"), folder.join("b.rs")];
    assert_eq!(package.circles(), [circle]);
}

#[test]
fn no_two_files_of_a_package_import_each_other() {
    let mut circles = String::new();
    for (folder, file) in PACKAGES {
        let package = Package::read(&root().join(folder).join(file));
        for circle in package.circles() {
            circles += &format!("{folder}:");
            for file in circle {
                circles += &format!(
                    " {}",
                    file.strip_prefix(root().join(folder)).unwrap().display()
                );
            }
            circles += "\n";
        }
    }
    assert!(circles.is_empty(), "\n{circles}");
}

/// The rooms that a file names as `crate::room`, except in its tests, which are at its end.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.flat_map(|line| [line, "\n"]).collect();
    let mut rooms = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let name = |text: &str| {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
            text[..end.unwrap_or(text.len())].to_owned()
        };
        match after.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find("};").unwrap_or(list.len())];
                rooms.extend(list.split(',').map(|item| name(item.trim_start())));
            }
            None => drop(rooms.insert(name(after))),
        }
    }
    rooms
}

#[test]
fn rooms_import_only_from_rooms_above_them() {
    let mut seen = BTreeSet::new();
    for file in rust_files(&src()) {
        let inside = file.strip_prefix(src()).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let room = first.trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let here = level(room).unwrap_or_else(|| panic!("{room} is in no picture"));
        seen.insert(room.to_owned());
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            let above = level(&import).unwrap_or_else(|| panic!("{file:?} imports {import}"));
            let fine = import == room || above < here;
            assert!(fine, "{file:?} imports {import}, which is not above {room}");
        }
    }
    assert!(
        seen.contains("wire") && seen.contains("sharded"),
        "{seen:?}"
    );
}

#[test]
fn files_stay_readable() {
    for file in PACKAGES
        .iter()
        .flat_map(|(folder, _)| rust_files(&root().join(folder)))
    {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 500, "{file:?} has {lines} lines");
    }
}

/// Every room is in the picture that people read.
#[test]
fn architecture_md_names_every_room() {
    let picture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for file in rust_files(&src()) {
        let inside = file.strip_prefix(src()).unwrap();
        let room = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        assert!(picture.contains(room), "{room} is missing");
    }
}
