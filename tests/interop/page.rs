//! The compatibility page: each rule of reading and of writing, and what everyone does there,
//! asked at that moment.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use kinesis_aggregation::{HashKey, HashKeyRange, Outcome};

use crate::binding;
use crate::compare::Verdict;
use crate::ours;
use crate::page_writing;
use crate::peer::{Answer, Case, Item, Peer, Status, read_request};
use crate::rules::{RULES, Rule};

/// The columns that read, besides this library; the first is the one to match.
const READERS: [(&str, &str); 4] = [
    ("kcl-3.5.1", "KCL 3.5.1"),
    ("kcl-no-jaxb", "KCL 3.5.1 as published"),
    ("node", "Node"),
    ("python", "Python"),
];

/// This library in other languages: the columns after its own.
const BINDINGS: [(&str, &str); 3] = [
    ("ours-node", "from Node"),
    ("ours-go", "from Go"),
    ("ours-python", "from Python"),
];

/// What no driver here can be asked.
const NOT_RUN: &str = "\n## Read in the source, not run\n\n\
    - The KCL judges a record of a shard that is not in its cached list by the full range.\n\
    - The KCL skips what is at or below the checkpoint, by sequence number and sub-sequence \
    number as numbers, so that it can resume inside an aggregate. Here `Deaggregator::after`.\n";

pub(crate) struct Peers {
    peers: Vec<Peer>,
    bindings: Vec<Peer>,
}

impl Peers {
    fn start() -> Result<Self, String> {
        let start = |(name, _)| Peer::start(name).map_err(|why| format!("{name}: {why}"));
        Ok(Self {
            peers: READERS.into_iter().map(start).collect::<Result<_, _>>()?,
            bindings: BINDINGS.into_iter().map(start).collect::<Result<_, _>>()?,
        })
    }

    /// By the place in [`READERS`].
    pub(crate) fn ask(&mut self, place: usize, request: &[u8]) -> Result<Answer, String> {
        let answer = self.peers[place].ask(request);
        answer.map_err(|why| format!("{}: {why}", READERS[place].0))
    }
}

/// Writes the page; or says whether the one that is there is what it would write.
pub(crate) fn page(check: bool) -> Result<bool, String> {
    let mut peers = Peers::start()?;
    let mut page = String::from(
        "# Compatibility\n\n<!-- Written by `tests/interop/run --page`, never by hand. -->\n\n\
         What each library did when it was given the very same bytes, from one run of:\n\n",
    );
    for (peer, (_, title)) in peers.peers.iter().zip(READERS) {
        // Without the runtime: another one's name is no other behaviour.
        let version = peer.hello.split(", ").next().unwrap_or_default();
        let _ = writeln!(page, "- {title}: {version}");
    }
    page.push_str(
        "- KPL: 1.0.9 and 1.1.1, captured putting to a local stream (`tests/vectors`)\n\n\
         The KCL is run with `javax.xml.bind:jaxb-api` on its class path; \"as published\" is \
         without it, on Java 11 or later, where its error branch does not load.\n\n",
    );
    reading(&mut page, &mut peers)?;
    page_writing::tables(&mut page, &mut peers)?;
    page.push_str(NOT_RUN);
    for peer in peers.peers.into_iter().chain(peers.bindings) {
        peer.close().map_err(|why| why.to_string())?;
    }

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/COMPATIBILITY.md");
    let path_text = "docs/COMPATIBILITY.md";
    if check {
        let fresh = fs::read_to_string(&path).is_ok_and(|old| old == page);
        println!("{path_text} is {}", if fresh { "fresh" } else { "STALE" });
        return Ok(fresh);
    }
    let written =
        fs::create_dir_all(path.with_file_name("")).and_then(|()| fs::write(&path, &page));
    written.map_err(|why| format!("{path_text}: {why}"))?;
    println!("{path_text} written");
    Ok(true)
}

fn reading(page: &mut String, peers: &mut Peers) -> Result<(), String> {
    page.push_str(
        "## Reading\n\n\
         User records are shown as their keys, `key` or `key/explicit hash key`. \"plain\": the \
         Kinesis record is passed on as it is. \"nothing\": no user record, and no word. \"same\": \
         as the first column, item by item; from other languages: as this library, to the message \
         of each loss. Unless the row says otherwise, the hash key range is \
         0 to 2^128-1; the hash key of `a` is the lower one, `b`'s the higher.\n\n",
    );
    let mut section = "";
    for rule in RULES {
        if rule.section != section {
            section = rule.section;
            let _ = write!(page, "### {section}\n\n| |");
            for (_, title) in READERS {
                let _ = write!(page, " {title} |");
            }
            page.push_str(" this library |");
            for (_, title) in BINDINGS {
                let _ = write!(page, " {title} |");
            }
            let columns = 1 + READERS.len() + BINDINGS.len();
            let _ = writeln!(page, "\n|---|{}", "---|".repeat(columns));
        }
        let _ = writeln!(page, "{}", row(rule, peers)?);
        let last = RULES.iter().rfind(|other| other.section == section);
        if last.is_some_and(|last| std::ptr::eq(last, rule)) {
            page.push('\n');
        }
    }
    Ok(())
}

fn row(rule: &Rule, peers: &mut Peers) -> Result<String, String> {
    let range = rule.range.map(|(start, end)| {
        HashKeyRange::new(HashKey::new(start), HashKey::new(end)).expect("in order")
    });
    let case = Case {
        partition_key: Some("outer".to_owned()),
        range,
        data: (rule.data)(),
    };
    let request = read_request(&case);
    let kcl = peers.ask(0, &request)?;
    let mut row = format!("| {} | {} |", rule.name, answered(&kcl));
    for place in 1..READERS.len() {
        let answer = peers.ask(place, &request)?;
        let same = answer.status == kcl.status && answer.items == kcl.items;
        let _ = write!(
            row,
            " {} |",
            if same {
                "same".to_owned()
            } else {
                answered(&answer)
            }
        );
    }
    let ours = ours::read(&case)?;
    let same = ours.items == kcl.items;
    let items = if same {
        "same".to_owned()
    } else {
        items(&ours.items)
    };
    let loss = match ours.outcome {
        Outcome::Dropped => ", and reports what is dropped",
        Outcome::Cut => ", and reports what is lost",
        _ => "",
    };
    let _ = write!(row, " {items}{loss} |");
    for peer in &mut peers.bindings {
        let answer = peer.ask(&request).map_err(|why| why.to_string())?;
        let same = matches!(binding::read(&ours, &answer), Verdict::Same);
        let says = if same {
            "same".to_owned()
        } else {
            answered(&answer)
        };
        let _ = write!(row, " {says} |");
    }
    Ok(row)
}

fn answered(answer: &Answer) -> String {
    let items = items(&answer.items);
    match answer.status {
        Status::Returned => items,
        Status::Logged => format!("{items}; logs an error, the rest is lost"),
        Status::Threw => {
            let error = answer.text.split(':').next().unwrap_or_default();
            let error = error.rsplit('.').next().unwrap_or_default();
            match &answer.items[..] {
                [] => format!("throws {error}"),
                _ => format!("{items}; throws {error}"),
            }
        }
    }
}

/// The user records, by their keys.
fn items(items: &[Item]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] if !one.aggregated => "plain".to_owned(),
        many => many.iter().map(keys).collect::<Vec<_>>().join(" "),
    }
}

fn keys(item: &Item) -> String {
    let key = item
        .partition_key
        .as_deref()
        .map_or("(no key)".to_owned(), text);
    match item.explicit_hash_key.as_deref() {
        Some(hash_key) => format!("`{key}/{}`", text(hash_key)),
        None => format!("`{key}`"),
    }
}

/// Text with everything beyond ASCII escaped; bytes that are none in hex.
pub(crate) fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text
            .chars()
            .map(|c| match c {
                ' '..='~' => c.to_string(),
                _ => format!("U+{:04X} ", u32::from(c)),
            })
            .collect::<String>()
            .trim_end_matches(|c| c == ' ' && !text.ends_with(' '))
            .to_owned(),
        Err(_) => format!("bytes {}", hex::encode_upper(bytes)),
    }
}
