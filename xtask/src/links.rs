//! Follows every relative link of the Markdown pages, headings included.
//!
//! The pages are read as a Git host shows them, not as the book renders them, because both must work. Addresses on
//! the web are not followed: a build must not depend on somebody else's server.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Relative links that were followed.
    pub(crate) checked: usize,
    /// Those that lead nowhere.
    pub(crate) broken: Vec<Broken>,
}

/// A link that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    page: PathBuf,
    target: String,
    reason: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: link to `{}`: {}",
            self.page.display(),
            self.target,
            self.reason
        )
    }
}

/// Follows the links of all Markdown pages below `root`, hidden folders left out.
///
/// # Errors
/// When a page or folder cannot be read.
pub(crate) fn check(root: &Path) -> Result<Report> {
    let mut pages = HashMap::new();
    collect(root, &mut pages)?;

    let mut report = Report::default();
    let mut names: Vec<&PathBuf> = pages.keys().collect();
    names.sort();
    for page in names {
        let folder = page.parent().unwrap_or(root);
        for target in links(&pages[page]) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            report.checked += 1;
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                page.clone()
            } else {
                plain(&folder.join(file))
            };
            let reason = if !path.exists() {
                "there is no such file"
            } else if !heading.is_empty() && !pages.get(&path).is_some_and(|text| has_heading(text, heading))
            {
                "the page has no such heading"
            } else {
                continue;
            };
            report.broken.push(Broken {
                page: page.strip_prefix(root).unwrap_or(page).to_owned(),
                target,
                reason,
            });
        }
    }
    Ok(report)
}

fn collect(folder: &Path, pages: &mut HashMap<PathBuf, String>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, pages)?;
        } else if name.ends_with(".md") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            pages.insert(path.clone(), text);
        }
    }
    Ok(())
}

/// Lines outside fenced code, with what stands between backticks taken out.
fn prose(text: &str) -> impl Iterator<Item = String> {
    let mut in_code = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then(|| line.split('`').step_by(2).collect::<Vec<_>>().join("`"))
    })
}

fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        for after in line.split("](").skip(1) {
            let target = after.split([')', ' ']).next().unwrap_or_default();
            found.push(target.to_owned());
        }
    }
    found
}

fn has_heading(text: &str, wanted: &str) -> bool {
    let mut in_code = false;
    text.lines().any(|line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        !in_code && line.starts_with('#') && anchor(line.trim_start_matches('#')) == wanted
    })
}

/// The anchor that mdbook and Git hosts make of a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Resolves `.` and `..` by text, so that a page is found under the name it was read by.
fn plain(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                result.pop();
            }
            part => result.push(part),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{check, links};

    #[test]
    fn a_link_to_a_missing_file_or_heading_is_found() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::write(
            folder.path().join("one.md"),
            "# One\n[good](two.md#what-it-is) [gone](three.md) [bad](two.md#nothing) [web](https://example.org)\n\
             ```text\n[code](nowhere.md)\n```\n`[inline](nowhere.md)` [itself](#one)\n",
        )?;
        std::fs::write(folder.path().join("two.md"), "## What `it` is\n")?;
        let report = check(folder.path())?;
        let broken: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
        assert_eq!(
            broken,
            [
                "one.md: link to `three.md`: there is no such file",
                "one.md: link to `two.md#nothing`: the page has no such heading"
            ]
        );
        assert_eq!(report.checked, 4);
        Ok(())
    }

    #[test]
    fn a_title_behind_the_address_is_no_part_of_it() {
        assert_eq!(links("see [this](page.md \"a title\")"), ["page.md"]);
    }

    #[test]
    fn every_link_of_the_project_leads_somewhere() -> anyhow::Result<()> {
        let report = check(crate::workspace::root())?;
        assert!(report.broken.is_empty(), "{:#?}", report.broken);
        Ok(())
    }
}
