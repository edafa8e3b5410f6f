//! A flow's file pattern: a directory, which may have globs too, and a glob for the name.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::fs::FileSystem;

/// The most directories that one pattern is followed in.
const MAX_DIRECTORIES: usize = 4096;

/// Which files a flow follows.
///
/// The glob is Java's: `*`, `?`, `[a-z]`, `[!a]`, `{one,other}`, `\*`; a name may begin with a
/// dot. Other than in the Amazon Kinesis Agent, directories may have globs as well. Names that
/// end in `.gz`, `.bz2` or `.zip` never match.
#[derive(Clone, Debug)]
pub struct FilePattern {
    text: String,
    /// The part of the directory before the first glob.
    root: PathBuf,
    /// The rest of it, one component each.
    directories: Vec<GlobMatcher>,
    name: GlobMatcher,
    /// The name, if it has no glob but a `*` at its end.
    base: Option<String>,
}

impl FilePattern {
    /// Takes an absolute pattern.
    ///
    /// # Errors
    ///
    /// Every [`FilePatternError`].
    pub fn new(pattern: &str) -> Result<Self, FilePatternError> {
        if pattern.is_empty() || pattern.ends_with(['/', std::path::MAIN_SEPARATOR]) {
            return Err(FilePatternError::NoName);
        }
        let path = Path::new(pattern);
        if !path.is_absolute() {
            return Err(FilePatternError::Relative);
        }
        let name = path.file_name().and_then(OsStr::to_str);
        let name = name.ok_or(FilePatternError::NoName)?;
        let mut root = PathBuf::new();
        let mut directories = Vec::new();
        for component in path.parent().into_iter().flat_map(Path::components) {
            match component {
                Component::Normal(name) if !directories.is_empty() || has_glob(name) => {
                    let glob = name.to_str().ok_or(FilePatternError::NoName)?;
                    directories.push(compile(glob)?);
                }
                component => root.push(component),
            }
        }
        Ok(Self {
            text: pattern.to_owned(),
            root,
            directories,
            name: compile(name)?,
            base: Some(name.strip_suffix('*').unwrap_or(name))
                .filter(|base| !base.is_empty() && !has_glob(OsStr::new(base)))
                .map(str::to_owned),
        })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name that rotation adds to, as far as the pattern tells: `app.log` of `app.log` and of
    /// `app.log*`.
    pub fn base_name(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Whether a directory of the pattern has a glob.
    pub fn has_directory_globs(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Whether a file of this name, in one of the pattern's directories, is followed.
    pub fn matches_name(&self, name: &OsStr) -> bool {
        self.name.is_match(Path::new(name)) && !is_packed(name)
    }

    /// The directories that exist now.
    pub(crate) fn directories(&self, fs: &impl FileSystem) -> Directories {
        let mut directories = Directories {
            found: vec![self.root.clone()],
            unreadable: Vec::new(),
        };
        for glob in &self.directories {
            directories.descend(fs, glob);
        }
        directories
    }
}

/// The directories of a pattern.
pub(crate) struct Directories {
    pub(crate) found: Vec<PathBuf>,
    /// Where more may be, and why they cannot be seen.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

impl Directories {
    /// Goes on to those directories in what was found whose names match.
    fn descend(&mut self, fs: &impl FileSystem, glob: &GlobMatcher) {
        for parent in std::mem::take(&mut self.found) {
            let mut names = match fs.list(&parent) {
                Ok(names) => names,
                Err(error) => {
                    self.unreadable.push((parent, error));
                    continue;
                }
            };
            names.retain(|name| glob.is_match(Path::new(name)));
            names.sort();
            let children = names.into_iter().map(|name| parent.join(name));
            for child in children {
                match fs.meta(&child) {
                    Ok(meta) if meta.is_file => continue,
                    Ok(_) => {}
                    // Gone by now, or a symbolic link to nothing.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => {
                        self.unreadable.push((child, error));
                        continue;
                    }
                }
                if self.found.len() == MAX_DIRECTORIES {
                    let reason = format!("more than {MAX_DIRECTORIES} directories match");
                    self.unreadable.push((child, io::Error::other(reason)));
                    return;
                }
                self.found.push(child);
            }
        }
    }
}

/// Whether a name is that of a file which is compressed, and so is never followed for itself.
fn is_packed(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| {
        ["gz", "bz2", "zip"]
            .iter()
            .any(|packed| extension.eq_ignore_ascii_case(packed))
    })
}

fn has_glob(name: &OsStr) -> bool {
    name.to_string_lossy().contains(['*', '?', '[', '{', '\\'])
}

fn compile(glob: &str) -> Result<GlobMatcher, FilePatternError> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| FilePatternError::Glob(error.kind().to_string()))
}

/// Why a file pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilePatternError {
    /// It does not begin at the root.
    #[error("the path is relative; it has to begin with /")]
    Relative,
    /// It ends in a separator, or is no text.
    #[error("the path ends without the name of a file")]
    NoName,
    /// A glob cannot be read.
    #[error("the glob cannot be read: {0}")]
    Glob(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_java() {
        let matches = |glob: &str, name: &str| {
            let pattern = FilePattern::new(&format!("/logs/{glob}")).expect("good");
            pattern.matches_name(OsStr::new(name))
        };
        assert!(matches("app.log*", "app.log.1"));
        assert!(matches("*", ".hidden"));
        assert!(matches("app.{log,txt}", "app.txt"));
        assert!(matches("app[!0-9].log", "appx.log"));
        assert!(!matches("app[!0-9].log", "app1.log"));
        assert!(matches("a**b", "axxb"));
        assert!(matches(r"a\*b", "a*b"));
        for packed in ["app.log.1.gz", "app.log.BZ2", "app.log.zip"] {
            assert!(!matches("app.log*", packed), "{packed}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        assert_eq!(
            FilePattern::new("logs/app.log").err(),
            Some(FilePatternError::Relative)
        );
        assert_eq!(
            FilePattern::new("/logs/").err(),
            Some(FilePatternError::NoName)
        );
        assert!(matches!(
            FilePattern::new("/logs/[a").err(),
            Some(FilePatternError::Glob(_))
        ));
    }
}
