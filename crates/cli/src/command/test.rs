//! `dunlin test`: runs the fixtures of migrations, and says what differs.
//!
//! Everything is read before anything is run, so that a file that does not load is told with nothing else beside it.

mod case;
mod coverage;
mod fixture;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use dunlin_core::finding::Findings;
use dunlin_core::migration::Migration;
use dunlin_core::source::{self, Format as TextFormat};
use serde_json::{Value, json};

use crate::desk::fetch;
use crate::ending::{Ending, Exit, Trouble};
use crate::project::{Loading, load_migration, secrets};
use crate::shell::{Format, Shell, Tone};
use crate::wording::counted;
use case::Problem;
use coverage::Coverage;
use fixture::Fixture;

/// Runs the fixtures of migrations: the files in folders named `tests`, in all folders below
///
/// A case compares documents by meaning: the order of members and white space do not count, everything else does. Numbers are
/// compared by their value with `out`, and digit by digit with `out_json` and `out_file`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin test                           all fixtures below the current folder
  dunlin test migrations/orders --coverage
  dunlin test migrations/orders/tests/orders.yaml
  dunlin test --format json | jq '.cases[] | select(.passed | not)'")]
pub(crate) struct Test {
    /// The folder, or one file of fixtures
    #[arg(default_value = ".", value_name = "DIR")]
    place: PathBuf,
    /// The folder that the files of migrations may not leave [default: the nearest one with a dunlin.yaml, else the
    /// migration's own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The configuration that names the schema registries [default: dunlin.yaml of that folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Says which transformations and outcomes no case reaches
    #[arg(long)]
    coverage: bool,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What became of one case.
struct Result {
    file: String,
    line: usize,
    name: String,
    problems: Vec<Problem>,
}

impl Test {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let mut findings = Findings::new();
        let fixtures = self.fixtures(shell, &mut findings)?;
        let migrations = self.migrations(&fixtures, &mut findings)?;
        if findings.has_errors() {
            return Err(findings.into());
        }
        shell.tell(&findings)?;
        if fixtures.is_empty() {
            let place = self.place.display();
            return Err(Trouble::Failed(format!(
                "expected a file with `migration` and `cases` in a folder `tests` below {place}, found none"
            )));
        }
        let secrets = secrets();
        let mut coverage: BTreeMap<&Path, Coverage<'_>> = BTreeMap::new();
        let mut results = Vec::new();
        for fixture in &fixtures {
            let Some(migration) = migrations.get(&fixture.migration) else {
                continue;
            };
            let covered = coverage
                .entry(&fixture.migration)
                .or_insert_with(|| Coverage::of(migration));
            for case in &fixture.cases {
                results.push(Result {
                    file: fixture.file.clone(),
                    line: case.line,
                    name: case.name.clone(),
                    problems: case.run(migration, &secrets, covered),
                });
            }
        }
        let failed = results
            .iter()
            .filter(|result| !result.problems.is_empty())
            .count();
        if shell.is_json() {
            self.json(&results, &coverage, shell)?;
        } else {
            text(&results, shell)?;
            if self.coverage {
                for (file, covered) in &coverage {
                    covered.tell(file, shell)?;
                }
            }
            let verdict = format!("{} passed, {failed} failed", results.len() - failed);
            let tone = if failed > 0 { Tone::Bad } else { Tone::Good };
            writeln!(shell.out, "{}", shell.paint(tone, verdict))?;
        }
        Ok(Exit::failed_if(failed > 0))
    }

    /// Reads all fixtures; what is wrong with them is found.
    fn fixtures(
        &self,
        shell: &mut Shell,
        findings: &mut Findings,
    ) -> std::result::Result<Vec<Fixture>, Trouble> {
        let unreadable = |path: &Path, error: io::Error| {
            Trouble::Usage(format!("{} cannot be read: {error}", path.display()))
        };
        let mut files = Vec::new();
        let metadata = fs::metadata(&self.place).map_err(|error| unreadable(&self.place, error))?;
        if metadata.is_dir() {
            collect(&self.place, &mut files).map_err(|(path, error)| unreadable(&path, error))?;
        } else {
            files.push(self.place.clone());
        }
        let mut fixtures = Vec::new();
        for file in files {
            let name = shown(&file);
            let bytes = fs::read(&file).map_err(|error| unreadable(&file, error))?;
            let Some(format @ (TextFormat::Yaml | TextFormat::Json)) = TextFormat::of_name(&name) else {
                return Err(Trouble::Usage(format!(
                    "expected a folder, or a file that ends in .yaml, .yml or .json, found {name}"
                )));
            };
            let Some(node) = source::read(&name, &bytes, format, findings) else {
                continue;
            };
            if node.member("migration").is_none() && node.member("cases").is_none() {
                // Folders named `tests` hold other things, too.
                writeln!(
                    shell.err,
                    "passed over {name}: it has neither `migration` nor `cases`"
                )?;
                continue;
            }
            fixtures.extend(Fixture::read(&file, &node, findings));
        }
        Ok(fixtures)
    }

    /// Loads the migrations of all fixtures, each once.
    fn migrations(
        &self,
        fixtures: &[Fixture],
        findings: &mut Findings,
    ) -> std::result::Result<BTreeMap<PathBuf, Migration>, Trouble> {
        let mut migrations = BTreeMap::new();
        for fixture in fixtures {
            if migrations.contains_key(&fixture.migration) {
                continue;
            }
            match load_migration(&fixture.migration, &self.loading()) {
                Ok(loaded) => {
                    findings.append(loaded.warnings);
                    fetch(&loaded.migration, None, &loaded.registries)?;
                    migrations.insert(fixture.migration.clone(), loaded.migration);
                }
                Err(found) => findings.append(found),
            }
        }
        Ok(migrations)
    }

    fn loading(&self) -> Loading<'_> {
        Loading {
            root: self.root.as_deref(),
            config: self.config.as_deref(),
            without_lock: false,
        }
    }

    fn json(
        &self,
        results: &[Result],
        coverage: &BTreeMap<&Path, Coverage<'_>>,
        shell: &mut Shell,
    ) -> io::Result<()> {
        let failed = results
            .iter()
            .filter(|result| !result.problems.is_empty())
            .count();
        let cases: Vec<Value> = results
            .iter()
            .map(|result| {
                json!({
                    "file": result.file,
                    "line": result.line,
                    "name": result.name,
                    "passed": result.problems.is_empty(),
                    "problems": result.problems.iter().map(Problem::to_json).collect::<Vec<_>>(),
                })
            })
            .collect();
        let mut all = json!({"passed": results.len() - failed, "failed": failed, "cases": cases});
        if self.coverage {
            all["coverage"] = coverage
                .iter()
                .map(|(file, covered)| covered.to_json(file))
                .collect();
        }
        shell.json(&all)
    }
}

/// One line for each file whose cases all pass, and all there is to say about each case that does not.
fn text(results: &[Result], shell: &mut Shell) -> io::Result<()> {
    for of_file in results.chunk_by(|one, other| one.file == other.file) {
        let passed = of_file.iter().filter(|result| result.problems.is_empty()).count();
        let file = &of_file[0].file;
        if passed == of_file.len() {
            let ok = shell.paint(Tone::Good, "passed");
            writeln!(shell.out, "{ok} {file}: {}", counted(passed, "case"))?;
        }
        for result in of_file.iter().filter(|result| !result.problems.is_empty()) {
            let failed = shell.paint(Tone::Bad, "failed");
            writeln!(shell.out, "{failed} {file}:{}: {}", result.line, result.name)?;
            for problem in &result.problems {
                writeln!(shell.out, "  {problem}")?;
            }
        }
    }
    Ok(())
}

/// Collects the files in folders named `tests`, in all folders below. Links to folders and hidden folders are not entered.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::result::Result<(), (PathBuf, io::Error)> {
    let told = |error| (folder.to_owned(), error);
    let mut entries = fs::read_dir(folder)
        .map_err(told)?
        .collect::<io::Result<Vec<_>>>()
        .map_err(told)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let is_tests = folder
        .canonicalize()
        .map_err(told)?
        .file_name()
        .is_some_and(|name| name == "tests");
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(told)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !is_hidden {
            collect(&path, files)?;
        } else if is_tests
            && !kind.is_dir()
            && matches!(
                TextFormat::of_name(&path.to_string_lossy()),
                Some(TextFormat::Yaml | TextFormat::Json)
            )
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A file as a person would type it.
fn shown(file: &Path) -> String {
    file.strip_prefix(".").unwrap_or(file).display().to_string()
}
