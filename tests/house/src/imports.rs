//! Which file of a package imports which, read from its source: every path in it, followed through re-exports to
//! the file that defines what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// A module's path below the crate's root: `["wire", "index"]`.
type Module = Vec<String>;

/// What one file says.
#[derive(Default)]
struct File {
    path: PathBuf,
    /// The names that it defines itself.
    defined: BTreeSet<String>,
    /// Names that it imports, and the path of each: a re-export is one of these.
    imported: BTreeMap<String, Vec<String>>,
    /// Every path that is written in it, tests left out.
    paths: Vec<Vec<String>>,
}

/// The files of one package, by module.
pub(crate) struct Package {
    files: BTreeMap<Module, File>,
}

impl Package {
    /// Reads a package from its root file, `src/lib.rs` or `src/main.rs`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut package = Self {
            files: BTreeMap::new(),
        };
        package.add(&[], root.to_owned(), root.parent().unwrap());
        package
    }

    /// Reads the file of `module`; the files of its own modules are in `folder`.
    fn add(&mut self, module: &[String], path: PathBuf, folder: &Path) {
        let text = fs::read_to_string(&path).unwrap();
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut reader = Reader::default();
        reader.visit_file(&syntax);
        let children = std::mem::take(&mut reader.modules);
        reader.file.path = path;
        self.files.insert(module.to_vec(), reader.file);
        for child in children {
            let beside = folder.join(format!("{child}.rs"));
            let inside = folder.join(&child);
            let path = if beside.exists() {
                beside
            } else {
                inside.join("mod.rs")
            };
            let name = [module, &[child]].concat();
            if path.exists() {
                self.add(&name, path, &inside);
            }
        }
    }

    /// The module in which `path`, written in `here`, is defined. None if that is another crate.
    fn defines(&self, here: &[String], path: &[String], depth: usize) -> Option<Module> {
        let (mut module, rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (here.to_vec(), &path[1..]),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let up = here.len().checked_sub(ups)?;
                (here[..up].to_vec(), &path[ups..])
            }
            _ => (here.to_vec(), path),
        };
        let mut rest = rest;
        while let Some(name) = rest.first() {
            let mut below = module.clone();
            below.push(name.clone());
            if self.files.contains_key(&below) {
                (module, rest) = (below, &rest[1..]);
                continue;
            }
            let file = self.files.get(&module)?;
            if file.defined.contains(name) {
                return Some(module);
            }
            // A re-export, or a name imported above.
            let imported = file.imported.get(name).filter(|_| depth < 16)?;
            let whole: Vec<String> = imported.iter().chain(&rest[1..]).cloned().collect();
            return self.defines(&module, &whole, depth + 1);
        }
        Some(module)
    }

    /// The files that each file imports from.
    fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut edges = BTreeMap::new();
        for (module, file) in &self.files {
            let of = file.paths.iter().filter_map(|path| {
                let there = self.defines(module, path, 0)?;
                Some(self.files[&there].path.as_path())
            });
            let others = of.filter(|there| *there != file.path).collect();
            edges.insert(file.path.as_path(), others);
        }
        edges
    }

    /// Every set of files of which each imports every other, be it through others.
    pub(crate) fn circles(&self) -> Vec<Vec<&Path>> {
        let edges = self.edges();
        let reach = |from: &Path| {
            let mut seen: BTreeSet<&Path> = BTreeSet::new();
            let mut next: Vec<&Path> = edges[from].iter().copied().collect();
            while let Some(file) = next.pop() {
                if seen.insert(file) {
                    next.extend(&edges[file]);
                }
            }
            seen
        };
        let reached: BTreeMap<&Path, BTreeSet<&Path>> =
            edges.keys().map(|file| (*file, reach(file))).collect();
        let mut circles: Vec<Vec<&Path>> = Vec::new();
        for (file, there) in &reached {
            let circle: Vec<&Path> = there
                .iter()
                .copied()
                .filter(|other| reached[other].contains(file))
                .collect();
            if circle.len() > 1 && !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }
}

#[derive(Default)]
struct Reader {
    file: File,
    modules: Vec<String>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = || {
            attribute
                .meta
                .require_list()
                .map(|list| list.tokens.to_string())
        };
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && tokens().is_ok_and(|tokens| {
                    tokens.starts_with("test") || tokens.starts_with("all (test")
                }))
    })
}

impl Reader {
    fn import(&mut self, before: &[String], tree: &UseTree, is_used: bool) {
        let with = |name: &str| [before, &[name.to_owned()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident.to_string()), &path.tree, is_used),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.import(before, tree, is_used)),
            UseTree::Name(name) if name.ident == "self" => {
                self.name(before.to_vec(), None, is_used);
            }
            UseTree::Name(name) => self.name(with(&name.ident.to_string()), None, is_used),
            UseTree::Rename(rename) => {
                self.name(
                    with(&rename.ident.to_string()),
                    Some(rename.rename.to_string()),
                    is_used,
                );
            }
            UseTree::Glob(_) if is_used => self.file.paths.push(before.to_vec()),
            UseTree::Glob(_) => {}
        }
    }

    fn name(&mut self, path: Vec<String>, name: Option<String>, is_used: bool) {
        let last = path.last().cloned().unwrap_or_default();
        self.file
            .imported
            .insert(name.unwrap_or(last), path.clone());
        if is_used {
            self.file.paths.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Mod(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            self.file.defined.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        match &item.content {
            // Its `super` is this file: nothing that it imports leads elsewhere.
            Some(_) => drop(self.file.defined.insert(item.ident.to_string())),
            None => self.modules.push(item.ident.to_string()),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // A re-export opens a door to the file; it does not rest on it.
        let is_used = matches!(item.vis, Visibility::Inherited);
        self.import(&[], &item.tree, is_used);
    }

    /// `pub(in crate::md5)` says who may see a thing, not what it rests on.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|part| part.ident.to_string());
        let parts: Vec<String> = parts.collect();
        if parts.len() > 1 {
            self.file.paths.push(parts);
        }
        visit::visit_path(self, path);
    }
}
