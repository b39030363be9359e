//! `dunlin man`: the manual pages, made from the same declarations as the help.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::cli::Cli;
use crate::ending::{Ending, Exit, Trouble};
use crate::shell::Shell;
use crate::wording::listed;

/// Prints a manual page
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin man | man -l -                      the page of dunlin
  dunlin man apply | man -l -                the page of a command
  dunlin man --to ~/.local/share/man/man1    writes all pages into a folder")]
pub(crate) struct Man {
    /// The command [default: dunlin itself]
    #[arg(conflicts_with = "to")]
    command: Option<String>,
    /// Writes all pages into this folder
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl Man {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let mut whole = Cli::command();
        // This names the pages: without it, that of a command would be called by its last word alone.
        whole.build();
        let pages: Vec<Command> = whole
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
            .cloned()
            .collect();
        if let Some(folder) = &self.to {
            write(folder, "dunlin", whole.clone())?;
            for page in pages {
                let name = format!("dunlin-{}", page.get_name());
                write(folder, &name, page)?;
            }
            return Ok(Exit::Done);
        }
        let page = match &self.command {
            None => whole.clone(),
            Some(wanted) => {
                let known = listed(pages.iter().map(Command::get_name));
                let Some(page) = pages.into_iter().find(|page| page.get_name() == wanted) else {
                    return Err(Trouble::Usage(format!(
                        "expected a command ({known}), found `{wanted}`"
                    )));
                };
                page
            }
        };
        Page::new(page).render(&mut shell.out)?;
        shell.out.flush()?;
        Ok(Exit::Done)
    }
}

fn write(folder: &Path, name: &str, page: Command) -> Result<(), Trouble> {
    let file = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    Page::new(page)
        .render(&mut text)
        .and_then(|()| std::fs::write(&file, text))
        .map_err(|error| Trouble::Failed(format!("{} cannot be written: {error}", file.display())))
}
