//! `dunlin compat`: whether who knows one schema can read what was written with another.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::{Framing, SchemaFormat, SchemaReference};
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
  dunlin compat v1.proto v2.proto --message shop.Order --level full
  dunlin compat v1.json v2.json v3.json --level backward-transitive --format json")]
pub(crate) struct Compat {
    /// The schema files, the oldest first and the newest last
    #[arg(required = true, num_args = 2.., value_name = "SCHEMA")]
    files: Vec<PathBuf>,
    /// What the newest schema owes to the older ones
    #[arg(long, default_value = Level::Backward.word(), value_parser = PossibleValuesParser::new(Level::ALL.map(|(word, _)| word)))]
    level: String,
    /// The language of the schemas [default: by the extension: .avsc, .proto or .json]
    #[arg(long, value_parser = PossibleValuesParser::new(SchemaFormat::ALL.map(|(word, _)| word)))]
    schema_format: Option<String>,
    /// The message (Protobuf) or named type (Avro) that is meant [default: the only or first one]
    #[arg(long, value_name = "NAME")]
    message: Option<String>,
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
        let Some((new, older)) = self.files.split_last() else {
            return Err(Trouble::Usage("expected at least two schemas".to_owned()));
        };
        let older = if level.is_transitive() {
            older
        } else {
            older.get(older.len().saturating_sub(1)..).unwrap_or_default()
        };
        let mut compared = Vec::new();
        let mut findings = Findings::new();
        for old in older {
            if let Some(differences) = self.compare(old, new, &mut findings)? {
                compared.push(Compared {
                    old: old.clone(),
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
            let comparisons: Vec<Value> = compared.iter().map(|one| to_json(one, new, level)).collect();
            shell.json(&json!({"level": level.word(), "met": met, "comparisons": comparisons}))?;
            return Ok(Exit::failed_if(!met));
        }
        for one in &compared {
            show(one, new, level, broken(one), shell)?;
        }
        Ok(Exit::failed_if(!met))
    }

    fn compare(
        &self,
        old: &Path,
        new: &Path,
        findings: &mut Findings,
    ) -> Result<Option<Vec<Difference>>, Trouble> {
        let unreadable = |file: &Path, error: &io::Error| {
            Trouble::Usage(format!("{} cannot be read: {error}", file.display()))
        };
        let real = |file: &Path| file.canonicalize().map_err(|error| unreadable(file, &error));
        let (real_old, real_new) = (real(old)?, real(new)?);
        // What a schema imports by its name is looked up below the folder that both have in common.
        let root = common_folder(&real_old, &real_new);
        let files = ProjectFiles::below(&root).map_err(|error| unreadable(&root, &error))?;
        let mut reference = |file: &Path, real: &Path| {
            let name = real.strip_prefix(&root).ok().and_then(Path::to_str);
            let place = Place::whole(file.display().to_string());
            let Some(format) = self.language(file) else {
                let message = "expected a file that ends in .avsc, .proto or .json";
                findings
                    .push(Finding::error(&place, message).help("name the language with `--schema-format`"));
                return None;
            };
            Some(SchemaReference {
                format,
                file: Some(name?.to_owned()),
                imports: Vec::new(),
                message: self.message.clone(),
                framing: Framing::Plain,
                registry: None,
                place,
            })
        };
        let (old, new) = (reference(old, &real_old), reference(new, &real_new));
        let (Some(old), Some(new)) = (old, new) else {
            return Ok(None);
        };
        Ok(compare(&old, &new, &files, findings))
    }

    fn language(&self, file: &Path) -> Option<SchemaFormat> {
        match &self.schema_format {
            Some(word) => word_of(&SchemaFormat::ALL, word),
            None => match file.extension()?.to_str()? {
                "avsc" => Some(SchemaFormat::Avro),
                "proto" => Some(SchemaFormat::Protobuf),
                "json" => Some(SchemaFormat::JsonSchema),
                _ => None,
            },
        }
    }
}

fn word_of<T: Copy>(all: &[(&str, T)], word: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == word).map(|(_, one)| *one)
}

fn common_folder(one: &Path, other: &Path) -> PathBuf {
    one.ancestors()
        .skip(1)
        .find(|folder| other.starts_with(folder))
        .map(Path::to_path_buf)
        .unwrap_or_default()
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
