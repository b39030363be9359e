//! `dunlin compat`: whether who knows one schema can read what was written with another.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::{Framing, SchemaFormat, SchemaReference};
use dunlin_core::source::{self, Format as TextFormat};
use dunlin_router::files::ProjectFiles;
use dunlin_schemas::compat::{Difference, Level, compare};
use serde_json::{Value, json};

use crate::ending::{Ending, Exit, Trouble};
use crate::shell::{Format, Shell, Tone};
use crate::wording::counted;

/// Compares schemas, and says whether the newest keeps the promise of a level
///
/// The levels are those of Confluent's registry: with `backward`, who has the new schema can read what was written with the old
/// one; with `forward` it is the other way round, and `full` is both. A transitive level asks it of all older schemas, the
/// others of the one before the newest. The exit status is 1 if the level is not met.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin compat order-v1.avsc order-v2.avsc
  dunlin compat v1.proto v2.proto --imports common --message shop.Order --level full
  dunlin compat v1.proto v2.proto --message shop.v1.Order --message shop.v2.Order
  dunlin compat v1.json v2.json v3.json --level backward-transitive --format json")]
pub(crate) struct Compat {
    /// The schema files, the oldest first and the newest last
    #[arg(required = true, num_args = 2.., value_name = "SCHEMA")]
    files: Vec<PathBuf>,
    /// What the newest schema owes to the older ones
    #[arg(long, default_value = Level::Backward.word(), value_parser = PossibleValuesParser::new(Level::ALL.map(|(word, _)| word)))]
    level: String,
    /// The language of the schemas [default: by the name: .avsc, .proto, .json, .schema.yaml; or by `$schema` in YAML]
    #[arg(long, value_parser = PossibleValuesParser::new(SchemaFormat::ALL.map(|(word, _)| word)))]
    schema_format: Option<String>,
    /// The message (Protobuf) or named type (Avro) that is meant: once for all schemas, or once for each, in their order
    /// [default: the only message; the whole schema of Avro]
    #[arg(long, value_name = "NAME")]
    message: Vec<String>,
    /// A file or folder in which names are looked up that a schema uses and does not define; can be given several times
    #[arg(long, value_name = "PATH")]
    imports: Vec<PathBuf>,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// One older schema and the newest.
struct Compared {
    old: PathBuf,
    differences: Vec<Difference>,
}

impl Compat {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let level = word_of(&Level::ALL, &self.level).unwrap_or_default();
        let mut findings = Findings::new();
        let mut schemas = self.schemas(&mut findings)?;
        let Some((new, newest)) = schemas.references.pop().zip(self.files.last()) else {
            return Err(findings.into());
        };
        let skipped = match level.is_transitive() {
            true => 0,
            false => schemas.references.len().saturating_sub(1),
        };
        let mut compared = Vec::new();
        for (old, file) in schemas.references.iter().zip(&self.files).skip(skipped) {
            if let Some(differences) = compare(old, &new, &schemas.files, &mut findings) {
                compared.push(Compared {
                    old: file.clone(),
                    differences,
                });
            }
        }
        if findings.has_errors() {
            return Err(findings.into());
        }
        shell.tell(&findings)?;
        let broken = |one: &Compared| one.differences.iter().filter(|one| level.forbids(one)).count();
        let met = compared.iter().all(|one| broken(one) == 0);
        if shell.is_json() {
            let comparisons: Vec<Value> = compared.iter().map(|one| to_json(one, newest, level)).collect();
            shell.json(&json!({"level": level.word(), "met": met, "comparisons": comparisons}))?;
            return Ok(Exit::failed_if(!met));
        }
        for one in &compared {
            show(one, newest, level, broken(one), shell)?;
        }
        Ok(Exit::failed_if(!met))
    }

    /// The schemas in their order. There are none where findings say what is wrong with one.
    fn schemas(&self, findings: &mut Findings) -> Result<Schemas, Trouble> {
        if self.message.len() > 1 && self.message.len() != self.files.len() {
            return Err(Trouble::Usage(format!(
                "expected `--message` once, or once for each of the {} schemas, found it {} times",
                self.files.len(),
                self.message.len()
            )));
        }
        let named: Vec<&Path> = self
            .files
            .iter()
            .chain(&self.imports)
            .map(PathBuf::as_path)
            .collect();
        let real = named
            .iter()
            .map(|file| file.canonicalize().map_err(|error| unreadable(file, &error)))
            .collect::<Result<Vec<PathBuf>, Trouble>>()?;
        let folder = common_folder(&real);
        let files = ProjectFiles::around(&folder).map_err(|error| unreadable(&folder, &error))?;
        let mut names = Vec::new();
        for (file, real) in named.iter().zip(&real) {
            let name = files.name_of(real);
            names.push(name.ok_or_else(|| {
                let message = format!("expected a name that is UTF-8 text, found `{}`", file.display());
                Trouble::Usage(message)
            })?);
        }
        let imports = names.split_off(self.files.len());
        let mut references = Vec::new();
        for (index, (file, name)) in self.files.iter().zip(names).enumerate() {
            let place = Place::whole(file.display().to_string());
            let Some(format) = self.language(file) else {
                let message = "expected a file that ends in .avsc, .proto, .json or .schema.yaml, \
                               or YAML with `$schema`";
                let help = "name the language with `--schema-format`";
                findings.push(Finding::error(&place, message).help(help));
                continue;
            };
            references.push(SchemaReference {
                format,
                file: Some(name),
                imports: imports.clone(),
                message: self.message.get(index).or(self.message.first()).cloned(),
                framing: Framing::Plain,
                registry: None,
                place,
            });
        }
        if findings.has_errors() {
            references.clear();
        }
        Ok(Schemas { files, references })
    }

    fn language(&self, file: &Path) -> Option<SchemaFormat> {
        match &self.schema_format {
            Some(word) => word_of(&SchemaFormat::ALL, word),
            None => match file.extension()?.to_str()? {
                "avsc" => Some(SchemaFormat::Avro),
                "proto" => Some(SchemaFormat::Protobuf),
                "json" => Some(SchemaFormat::JsonSchema),
                "yaml" | "yml" => is_json_schema(file).then_some(SchemaFormat::JsonSchema),
                _ => None,
            },
        }
    }
}

/// The schemas of the command line.
struct Schemas {
    files: ProjectFiles,
    references: Vec<SchemaReference>,
}

fn unreadable(file: &Path, error: &io::Error) -> Trouble {
    Trouble::Usage(format!("{} cannot be read: {error}", file.display()))
}

/// Whether YAML is a JSON Schema, by its name or by what it says of itself. One that cannot be read is none.
fn is_json_schema(file: &Path) -> bool {
    let name = file.display().to_string();
    let has_word = |stem: &str| Path::new(stem).extension().is_some_and(|word| word == "schema");
    if file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(has_word)
    {
        return true;
    }
    std::fs::read(file)
        .ok()
        .and_then(|bytes| source::read(&name, &bytes, TextFormat::Yaml, &mut Findings::new()))
        .is_some_and(|node| node.member("$schema").is_some())
}

fn word_of<T: Copy>(all: &[(&str, T)], word: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == word).map(|(_, one)| *one)
}

/// The folder that all have in common, as people would name it from where they are.
fn common_folder(real: &[PathBuf]) -> PathBuf {
    let folders = real
        .first()
        .into_iter()
        .flat_map(|first| first.ancestors().skip(1));
    let common = folders
        .into_iter()
        .find(|folder| real.iter().all(|other| other.starts_with(folder)))
        .unwrap_or(Path::new("/"));
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    match here.and_then(|here| common.strip_prefix(here).ok()) {
        Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Some(below) => below.to_owned(),
        None => common.to_owned(),
    }
}

fn show(one: &Compared, new: &Path, level: Level, broken: usize, shell: &mut Shell) -> io::Result<()> {
    for difference in &one.differences {
        let breaks = match (difference.breaks_backward, difference.breaks_forward) {
            (true, true) => "breaks both ",
            (true, false) => "backward    ",
            (false, true) => "forward     ",
            (false, false) => "breaks none ",
        };
        writeln!(shell.out, "  {breaks} {difference}")?;
    }
    let verdict = match broken {
        0 => shell.paint(Tone::Good, format!("`{level}` is met")),
        broken => shell.paint(
            Tone::Bad,
            format!(
                "`{level}` is not met, {} in the way",
                counted(broken, "difference")
            ),
        ),
    };
    let count = counted(one.differences.len(), "difference");
    writeln!(
        shell.out,
        "{} -> {}: {count}, {verdict}",
        one.old.display(),
        new.display()
    )
}

fn to_json(one: &Compared, new: &Path, level: Level) -> Value {
    let differences: Vec<Value> = one
        .differences
        .iter()
        .map(|one| {
            json!({
                "path": one.path,
                "sentence": one.sentence,
                "breaks_backward": one.breaks_backward,
                "breaks_forward": one.breaks_forward,
                "forbidden": level.forbids(one),
            })
        })
        .collect();
    json!({"old": one.old.display().to_string(), "new": new.display().to_string(), "differences": differences})
}
