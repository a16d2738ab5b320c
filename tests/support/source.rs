//! The source of the crate as the paths that are named in it: no comments, no strings, no tests.

use std::iter::Peekable;
use std::path::Path as FilePath;
use std::sync::OnceLock;

use super::is_below;
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree, token_stream};

/// A file of `src` and every path of more than one part in it.
pub(crate) struct File {
    /// Its name below `src`, without the ending.
    pub(crate) name: String,
    pub(crate) paths: Vec<Path>,
    /// Modules that are there for tests only.
    test_modules: Vec<String>,
}

/// A path that is named: from the crate's root where it leads into the crate; a macro ends with `!`.
pub(crate) struct Path {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Every file of `src` that is not there for tests only, in order.
pub(crate) fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(read_all)
}

fn read_all() -> Vec<File> {
    let root = FilePath::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut files = Vec::new();
    read_below(root, root, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let tests: Vec<String> = files
        .iter()
        .flat_map(|file| file.test_modules.clone())
        .collect();
    files.retain(|file| !tests.iter().any(|test| is_below(&file.module(), test)));
    assert!(files.len() > 50, "the source is not there");
    files
}

fn read_below(root: &FilePath, directory: &FilePath, files: &mut Vec<File>) {
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_below(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().with_extension("");
            let text = std::fs::read_to_string(&path).unwrap();
            files.push(File::read(name.to_str().unwrap(), &text));
        }
    }
}

impl File {
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let mut file = Self {
            name: name.to_owned(),
            paths: Vec::new(),
            test_modules: Vec::new(),
        };
        file.tokens(text.parse().unwrap());
        file.resolve_imports();
        file
    }

    /// `proto::tls::hello`
    pub(crate) fn module(&self) -> String {
        self.name
            .strip_suffix("/mod")
            .unwrap_or(&self.name)
            .replace('/', "::")
    }

    /// `proto`
    pub(crate) fn top(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.attribute(&mut tokens);
                }
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.path(ident.to_string(), line, &mut tokens);
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
        }
    }

    /// An attribute is read as anything else is; what stands behind `#[cfg(test)]` is not.
    fn attribute(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Group(group)) =
            tokens.next_if(|token| matches!(token, TokenTree::Group(_)))
        else {
            return;
        };
        if group.stream().to_string().replace(' ', "") == "cfg(test)" {
            self.skip_item(tokens);
        } else {
            self.tokens(group.stream());
        }
    }

    fn skip_item(&mut self, tokens: &mut Tokens) {
        let mut words = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                other => words.push(other.to_string()),
            }
        }
        if let Some(at) = words.iter().position(|word| word == "mod") {
            let test = format!("{}::{}", self.module(), words[at + 1]);
            self.test_modules.push(test);
        }
    }

    /// Follows `first` through `::` to its end, and into every branch of a group.
    fn path(&mut self, first: String, line: usize, tokens: &mut Tokens) {
        let mut path = first;
        loop {
            if tokens.next_if(calls_macro).is_some() {
                path.push('!');
                break;
            }
            if tokens.next_if(|token| is(token, ':')).is_none()
                || tokens.next_if(|token| is(token, ':')).is_none()
            {
                break;
            }
            match tokens.next_if(|token| !matches!(token, TokenTree::Punct(_))) {
                Some(TokenTree::Ident(ident)) => path = format!("{path}::{ident}"),
                Some(TokenTree::Group(group)) => return self.branches(&path, line, &group),
                _ => break,
            }
        }
        let text = self.rooted(&path);
        self.paths.push(Path { text, line });
    }

    fn branches(&mut self, path: &str, line: usize, group: &Group) {
        let mut tokens = group.stream().into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if ident == "self" => {
                    self.path(path.to_owned(), line, &mut tokens);
                }
                TokenTree::Ident(ident) => {
                    self.path(format!("{path}::{ident}"), line, &mut tokens);
                }
                _ => {}
            }
        }
    }

    /// A path that leads through `super` or `self`, from the root of the crate.
    fn rooted(&self, path: &str) -> String {
        let mut module = self.module();
        let mut rest = path;
        if let Some(inside) = path.strip_prefix("self::") {
            return format!("crate::{module}::{inside}");
        }
        while let Some(outside) = rest.strip_prefix("super::") {
            module.truncate(module.rfind("::").unwrap_or(0));
            rest = outside;
        }
        let inside = rest
            .strip_prefix("hopscope::")
            .map(|inside| format!("crate::{inside}"));
        match (rest == path, module.as_str()) {
            (true, _) => inside.unwrap_or_else(|| path.to_owned()),
            (false, "") => format!("crate::{rest}"),
            (false, module) => format!("crate::{module}::{rest}"),
        }
    }

    /// Behind `use std::io`, `io::stdout` is `std::io::stdout`.
    fn resolve_imports(&mut self) {
        for path in &mut self.paths {
            if path.text.starts_with("io::") {
                path.text.insert_str(0, "std::");
            }
        }
    }
}

type Tokens = Peekable<token_stream::IntoIter>;

/// A `!` that is not the start of `!=`.
fn calls_macro(token: &TokenTree) -> bool {
    is(token, '!') && matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Alone)
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
