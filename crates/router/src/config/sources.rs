//! Where a configuration comes from: a file, environment variables, `--set`. Each is a layer, a later one wins, and each
//! knows where every value was said.
//!
//! A line of the file that holds a secret is never shown in a finding: secrets, and whatever might be one (an unknown key
//! below a system may be `password` with a slip of the pen), are covered in the text that findings underline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dunlin_core::finding::{Finding, Findings, Place, SourceText, Span, nearest};
use dunlin_core::source::{self, Content, Format, Member, Node};

use super::keys::{self, Kind};

/// The prefix of environment variables that override a key; two underscores stand between its names.
pub const PREFIX: &str = "DUNLIN__";

/// The name of the configuration where none is given.
pub const DEFAULT_FILE: &str = "dunlin.yaml";

/// What a configuration is made from. Nothing of it is read from the process by itself, so that tests own it all.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file as it was named; none: `dunlin.yaml` in the current folder.
    pub file: Option<PathBuf>,
    /// The texts behind `--set`, in their order.
    pub set: Vec<String>,
    /// All environment variables: overrides, and what strings are filled in with.
    pub environment: BTreeMap<String, String>,
    /// The project's root, which migrations may not leave; none: the folder of the configuration.
    pub root: Option<PathBuf>,
}

impl Sources {
    /// This file with the variables of this process that are text.
    pub fn of_process(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            file,
            set,
            environment,
            root: None,
        }
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// The folder of the file, to which relative names refer.
    pub fn folder(&self) -> PathBuf {
        match self.path().parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

/// One layer. It holds secrets as they were written, so it has no `Debug`.
pub(super) struct Layer {
    /// What it says.
    pub(super) tree: Node,
    /// The text with its secrets covered; none for what is no text of lines.
    covered: Option<SourceText>,
}

impl Layer {
    /// A place of this layer, as it may be shown.
    pub(super) fn shown(&self, place: &Place) -> Place {
        match (&self.covered, place.span()) {
            (Some(covered), Some(span)) => covered.place(span),
            _ => place.clone(),
        }
    }
}

/// All layers, the file first.
pub(super) struct Layers(pub(super) Vec<Layer>);

impl Layers {
    /// Reads all sources. Without the file there is nothing to judge, and no layers.
    pub(super) fn read(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let mut layers = vec![read_file(sources, findings)?];
        for (name, value) in &sources.environment {
            if let Some(keys) = name.strip_prefix(PREFIX) {
                let place = Place::whole(format!("the environment variable {name}"));
                let path: Vec<String> = keys.split("__").map(str::to_owned).collect();
                let path = fold(&path, &layers[0].tree);
                layers.extend(overriding(&path, value, &place, findings));
            }
        }
        for set in &sources.set {
            let Some((path, value)) = split_set(set) else {
                let help = "for example `--set routes.orders.window=64`; a name with a dot is written in double quotes";
                findings.push(Finding::error(&Place::whole("--set"), "expected `KEY=VALUE`").help(help));
                continue;
            };
            // The value may be a secret, so the place names the key alone.
            let place = Place::whole(format!("--set {}", path.join(".")));
            layers.extend(overriding(&path, value, &place, findings));
        }
        Some(Self(layers))
    }

    /// Where the value of a key was said: in the last layer that has it, else where the nearest key around it stands.
    pub(super) fn place(&self, path: &[&str]) -> Place {
        self.said(path).unwrap_or_else(|| {
            let around = (0..path.len()).rev().find_map(|length| {
                self.short(&path[..length])
                    .or_else(|| self.named(&path[..length]))
            });
            around.unwrap_or_else(|| Place::whole(self.file()))
        })
    }

    /// Where the value of a key was said; none if nobody did.
    pub(super) fn said(&self, path: &[&str]) -> Option<Place> {
        self.0
            .iter()
            .rev()
            .find_map(|layer| Some(layer.shown(&walk(&layer.tree, path)?.1.place)))
    }

    /// Whether the object with this name has, in some layer, an unknown key that was probably meant to be this one.
    pub(super) fn misspells(&self, object: &[&str; 2], key: &str) -> bool {
        let pattern = format!("{}.*", object[0]);
        let known: Vec<&str> = keys::below(&pattern).map(|(name, _)| name).collect();
        let means = |name: &str| !known.contains(&name) && nearest(name, known.iter().copied()) == Some(key);
        self.0
            .iter()
            .filter_map(|layer| walk(&layer.tree, object))
            .any(|(_, value)| match &value.content {
                Content::Object(members) => members.iter().filter_map(|member| member.name.text()).any(means),
                _ => false,
            })
    }

    /// Where the short form of an object was said, such as the file that is all of `migrate`.
    fn short(&self, path: &[&str]) -> Option<Place> {
        self.0.iter().rev().find_map(|layer| {
            let (_, value) = walk(&layer.tree, path)?;
            matches!(value.content, Content::String(_)).then(|| layer.shown(&value.place))
        })
    }

    /// Where the name of a key stands, or its value where it has no name of its own.
    pub(super) fn named(&self, path: &[&str]) -> Option<Place> {
        self.0.iter().find_map(|layer| {
            let (name, value) = walk(&layer.tree, path)?;
            Some(layer.shown(name.map_or(&value.place, |name| &name.place)))
        })
    }

    /// The name of the file.
    fn file(&self) -> &str {
        self.0
            .first()
            .map_or(DEFAULT_FILE, |layer| layer.tree.place.file())
    }
}

/// The node at a path, and its name. Of a member that stands twice (which was reported) the last.
fn walk<'node>(tree: &'node Node, path: &[&str]) -> Option<(Option<&'node Node>, &'node Node)> {
    let mut found = (None, tree);
    for name in path {
        found = match &found.1.content {
            Content::Object(members) => {
                let member = members.iter().rfind(|member| member.name.text() == Some(name))?;
                (Some(&member.name), &member.value)
            }
            Content::Array(elements) => (None, elements.get(name.parse::<usize>().ok()?)?),
            _ => return None,
        };
    }
    Some(found)
}

fn read_file(sources: &Sources, findings: &mut Findings) -> Option<Layer> {
    let path = sources.path();
    let name = path.display().to_string();
    let place = Place::whole(&name);
    let Some(format) = Format::of_name(&name) else {
        findings.error(
            &place,
            "expected a configuration that ends in .yaml, .yml, .toml or .json",
        );
        return None;
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("expected a configuration that can be read: {error}");
            let finding = Finding::error(&place, message);
            findings.push(match sources.file {
                Some(_) => finding,
                None => finding.help("name the configuration, or make one with `dunlin init`"),
            });
            return None;
        }
    };
    let mut of_bytes = Findings::new();
    let Some(text) = source::decode(&name, &bytes, &mut of_bytes) else {
        for finding in of_bytes.sorted() {
            // The line around a byte that is no text was never judged, so it is told by number and not shown.
            let hidden = SourceText::guarded(&name, finding.place.source().text(), |_| false);
            let place = finding
                .place
                .span()
                .map_or_else(|| place.clone(), |span| hidden.place(span));
            findings.error(&place, &*finding.message);
        }
        return None;
    };
    // What is said about the text while it is read comes before anyone knows what is a secret in it.
    let source = SourceText::guarded(&name, text, harmless);
    let tree = source::read_text(&source, format, findings)?;
    let covered = SourceText::new(&name, cover(text, &tree));
    Some(Layer {
        tree,
        covered: Some(covered),
    })
}

/// Whether a line may be shown although its text could not be read: it says nothing that might be a secret, and begins with
/// a key that holds none.
fn harmless(line: &str) -> bool {
    let lower = line.to_lowercase();
    let first = lower.trim_start_matches([' ', '-', '{', '"', '\'', '[']);
    let end = first.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let name = &first[..end.unwrap_or(first.len())];
    let known = keys::KEYS.iter().any(|key| {
        key.path.rsplit('.').next() == Some(name) && !matches!(key.kind, Kind::Secret | Kind::Readable)
    });
    known && !is_secret_name(&lower) && !lower.contains(['@', '?'])
}

/// Whether a name is one that people give to secrets.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "pass",
        "secret",
        "token",
        "credential",
        "private",
        "salt",
        "auth",
        "key",
    ]
    .iter()
    .any(|word| name.contains(word))
        && !name.ends_with("_keys")
}

/// The text with everything that might be a secret replaced by stars, byte for byte, so that places stay valid.
fn cover(text: &str, tree: &Node) -> String {
    let mut spans = Vec::new();
    secrets(tree, &mut Vec::new(), false, &mut spans);
    let mut covered = text.as_bytes().to_vec();
    for span in spans {
        for byte in covered.get_mut(span.start..span.end).unwrap_or_default() {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b'*';
            }
        }
    }
    // Whole scalars were replaced by ASCII, so the rest is the text that it was.
    String::from_utf8(covered).unwrap_or_default()
}

fn secrets<'tree>(node: &'tree Node, path: &mut Vec<&'tree str>, covered: bool, spans: &mut Vec<Span>) {
    match &node.content {
        Content::Object(members) => {
            for member in members {
                path.push(member.name.text().unwrap_or_default());
                secrets(&member.value, path, covered || is_secret(path), spans);
                path.pop();
            }
        }
        Content::Array(elements) => {
            for element in elements {
                secrets(element, path, covered, spans);
            }
        }
        Content::Null | Content::Faulty => {}
        Content::Bool(_) | Content::Number(_) | Content::String(_) | Content::Surrogates(_) => {
            // A user stands in front of the host, and a query behind it is where people put what has no place of its own.
            let may_tell =
                path.last() == Some(&"url") && node.text().is_some_and(|url| url.contains(['@', '?']));
            if covered || may_tell {
                spans.extend(node.place.span());
            }
        }
    }
}

/// Whether the value at a path might be a secret.
pub(super) fn is_secret(path: &[&str]) -> bool {
    match keys::at(path).map(|key| key.kind) {
        Some(Kind::Secret) => true,
        Some(Kind::Readable) => path.last().is_some_and(|name| is_secret_name(name)),
        Some(_) => false,
        None => path.first() != Some(&"routes") || path.last().is_some_and(|name| is_secret_name(name)),
    }
}

/// The path in an environment variable, which has lost its capitals, dashes and dots: names that the file has are found
/// again, others are taken in lower case.
fn fold(path: &[String], file: &Node) -> Vec<String> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '.'], "_");
    let mut node = Some(file);
    path.iter()
        .map(|segment| {
            let members = node.and_then(Node::members).unwrap_or_default();
            let found = members.iter().find(|member| {
                member
                    .name
                    .text()
                    .is_some_and(|name| plain(name) == plain(segment))
            });
            node = found.map(|member| &member.value);
            found
                .and_then(|member| member.name.text())
                .map_or_else(|| segment.to_lowercase(), str::to_owned)
        })
        .collect()
}

/// `routes."orders.eu".window=64` as its names and its value.
fn split_set(text: &str) -> Option<(Vec<String>, &str)> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '='])?),
        };
        if name.is_empty() {
            return None;
        }
        path.push(name.to_owned());
        match behind.strip_prefix('.') {
            Some(more) => rest = more,
            None => return Some((path, behind.strip_prefix('=')?)),
        }
    }
}

/// A layer that says one thing. A list or an object is written in YAML's flow form where the key takes one; everything else
/// is text as it stands.
fn overriding(path: &[String], value: &str, place: &Place, findings: &mut Findings) -> Option<Layer> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let structured = match keys::at(&names).map(|key| key.kind) {
        Some(Kind::Table | Kind::End | Kind::Migrations | Kind::Switches | Kind::Texts) => {
            value.trim_start().starts_with(['{', '['])
        }
        _ => false,
    };
    let content = if structured {
        let mut of_value = Findings::new();
        let hidden = SourceText::guarded(place.file(), value, |_| false);
        let read = source::read_text(&hidden, Format::Yaml, &mut of_value);
        for finding in of_value.sorted() {
            findings.error(place, &*finding.message);
        }
        if of_value.has_errors() {
            return None;
        }
        read?.content
    } else {
        Content::String(value.to_owned())
    };
    let mut tree = Node::new(place.clone(), moved(content, place));
    for name in path.iter().rev() {
        let name = Node::new(place.clone(), Content::String(name.clone()));
        let member = Member { name, value: tree };
        tree = Node::new(place.clone(), Content::Object(vec![member]));
    }
    Some(Layer { tree, covered: None })
}

/// The same content, all of it said at this place.
fn moved(content: Content, place: &Place) -> Content {
    let node = |node: Node| Node::new(place.clone(), moved(node.content, place));
    match content {
        Content::Array(elements) => Content::Array(elements.into_iter().map(node).collect()),
        Content::Object(members) => Content::Object(
            members
                .into_iter()
                .map(|member| Member {
                    name: node(member.name),
                    value: node(member.value),
                })
                .collect(),
        ),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dot_is_quoted_behind_set() {
        let of = |text| split_set(text).map(|(path, value)| (path.join("|"), value.to_owned()));
        assert_eq!(
            of("routes.orders.window=64"),
            Some(("routes|orders|window".to_owned(), "64".to_owned()))
        );
        assert_eq!(
            of(r#"routes."orders.eu".id=a=b"#),
            Some(("routes|orders.eu|id".to_owned(), "a=b".to_owned()))
        );
        for bad in ["", "window", "=1", "a..b=1", r#""a=1"#, r#""a"b=1"#, ".a=1"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn covering_keeps_every_place_and_shows_no_secret() {
        let text = "systems:\n  a: {url: 'x:y', password: hünter2, pasword: canary1, settings: {sasl.password: canary2, size: 3}}\n\
                    secrets:\n  salt: |\n    canary3\n    canary4\nroutes: {}\nsercets: {a: canary5}\n";
        let tree = source::read("x.yaml", text.as_bytes(), Format::Yaml, &mut Findings::new()).unwrap();
        let covered = cover(text, &tree);
        assert_eq!(covered.len(), text.len());
        for hidden in ["canary", "nter2"] {
            assert!(!covered.contains(hidden), "{covered}");
        }
        for shown in ["url: 'x:y'", "size: 3", "routes: {}"] {
            assert!(covered.contains(shown), "{covered}");
        }
    }

    #[test]
    fn a_line_of_a_text_that_cannot_be_read_is_shown_only_if_it_begins_with_a_harmless_key() {
        for (line, shown) in [
            ("    window: [", true),
            ("  - {when: x, file: [}", true),
            ("    salt: hunter2", false),
            ("    hunter2", false),
            ("  shop: {url: 'a:b', password: [}", false),
            ("    url: amqp://me:hunter2@host", false),
        ] {
            assert_eq!(harmless(line), shown, "{line}");
        }
    }
}
