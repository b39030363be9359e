//! Servers for people: started in the background, named by environment variables, ended again.
//!
//! Each server is held by a process of this program that does nothing else (`servers hold`, not meant to be typed). It
//! holds a locked note in the cache folder for as long as it lives. So nobody is taken for a server by the number of
//! a process alone: while the note is locked, the process that it names is the holder; when it is not, there is none.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use dunlin_servers::{Kind, Options as Wanted, Server};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// What `cargo xtask servers` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Starts servers in the background and prints the lines that let programs find them.
    Up(Which),
    /// Ends them, and removes their data.
    Down(Which),
    /// Says which ones run.
    Status(Which),
    /// Holds one server until it is told to end; started by `up`.
    #[command(hide = true)]
    Hold {
        #[arg(value_parser = kind)]
        kind: Kind,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// `amqp`, `nats`, `kafka`, `redis`, `mqtt` or `registry`; by default the first four.
    #[arg(value_parser = kind)]
    kinds: Vec<Kind>,
}

impl Which {
    fn kinds(&self) -> Vec<Kind> {
        if self.kinds.is_empty() {
            vec![Kind::RabbitMq, Kind::Nats, Kind::Kafka, Kind::Redis]
        } else {
            self.kinds.clone()
        }
    }
}

/// Reads the name of a server as it is typed.
pub(crate) fn kind(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Does what was asked.
///
/// # Errors
/// When a server does not start, or does not end.
pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Up(which) => up(&which.kinds()),
        What::Down(which) => which.kinds().into_iter().try_for_each(down),
        What::Status(which) => which.kinds().into_iter().try_for_each(status),
        What::Hold { kind } => hold(*kind),
    }
}

/// What a holder writes down once its server answers.
#[derive(Debug)]
struct Note {
    holder: Pid,
    export: String,
}

fn folder() -> Result<PathBuf> {
    let folder = dunlin_servers::cache_folder()?.join("up");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    Ok(folder)
}

fn note_file(kind: Kind) -> Result<PathBuf> {
    Ok(folder()?.join(format!("{}.note", kind.name())))
}

/// The note of the holder that runs now, if there is one.
fn running(kind: Kind) -> Result<Option<Note>> {
    let path = note_file(kind)?;
    let Ok(file) = File::open(&path) else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("{} could not be locked", path.display()));
        }
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines();
    let holder = lines.next().and_then(|line| Pid::from_raw(line.parse().ok()?));
    let Some(holder) = holder else {
        bail!("{kind} is being started or ended at this moment");
    };
    Ok(Some(Note {
        holder,
        export: lines.next().unwrap_or_default().to_owned(),
    }))
}

fn up(kinds: &[Kind]) -> Result<()> {
    let mut holders = Vec::new();
    for &kind in kinds {
        if running(kind)?.is_none() {
            holders.push((kind, start_holder(kind)?));
        }
    }
    for (kind, mut holder) in holders {
        wait_until_up(kind, &mut holder)?;
    }
    for &kind in kinds {
        let note = running(kind)?.with_context(|| format!("{kind} went away again"))?;
        println!("{}", note.export);
    }
    Ok(())
}

fn start_holder(kind: Kind) -> Result<Child> {
    let path = folder()?.join(format!("{}.log", kind.name()));
    let log = File::create(&path).with_context(|| format!("{} could not be made", path.display()))?;
    let program = std::env::current_exe().context("this program does not know where it is")?;
    Command::new(program)
        .args(["servers", "hold", kind.name()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("the log could not be shared")?)
        .stderr(log)
        // An interrupt at this terminal is not meant for the servers.
        .process_group(0)
        .spawn()
        .context("the holder of a server could not be started")
}

fn wait_until_up(kind: Kind, holder: &mut Child) -> Result<()> {
    loop {
        if matches!(running(kind), Ok(Some(_))) {
            return Ok(());
        }
        if holder.try_wait().context("waiting for a server")?.is_some() {
            let log = folder()?.join(format!("{}.log", kind.name()));
            let said = std::fs::read_to_string(log).unwrap_or_default();
            bail!("{kind} did not start: {}", said.trim_end());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn down(kind: Kind) -> Result<()> {
    let Some(note) = running(kind)? else {
        println!("{kind}: does not run");
        return Ok(());
    };
    kill_process(note.holder, Signal::TERM).context("the holder could not be told to end")?;
    let started = Instant::now();
    // The lock goes with the holder, however that ends.
    while !matches!(running(kind), Ok(None)) {
        ensure!(
            started.elapsed() < Duration::from_secs(60),
            "{kind} still runs; its holder is process {}",
            note.holder.as_raw_nonzero()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("{kind}: ended");
    Ok(())
}

fn status(kind: Kind) -> Result<()> {
    match running(kind)? {
        Some(note) => println!("{kind}: {}", note.export),
        None => println!("{kind}: does not run"),
    }
    Ok(())
}

fn hold(kind: Kind) -> Result<()> {
    let path = note_file(kind)?;
    let mut note = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("{} could not be made", path.display()))?;
    // Two that are started at once: the second one ends, and whoever started it finds the first one running.
    note.try_lock()
        .with_context(|| format!("another {kind} is held already"))?;
    note.set_len(0).context("the note could not be emptied")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?
        .block_on(async {
            let mut ends = [
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
            ];
            let mut server = Server::start(kind, Wanted::new().own()).await?;
            let export = format!("export {}={}", kind.variable(), server.variable_value());
            // In one piece, so that a reader sees either nothing or all of it.
            note.write_all(format!("{}\n{export}\n", std::process::id()).as_bytes())
                .context("the note could not be written")?;
            let [terminate, interrupt, hangup] = &mut ends;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            note.set_len(0).context("the note could not be emptied")?;
            server.stop().await
        })
}
