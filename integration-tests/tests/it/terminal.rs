//! What the command shows on a terminal and nowhere else: colours and bars.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use dunlin_integration_tests::project::{Project, Running};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const FOLLOWING: &str = "systems: {shop: {url: 'file:data', settings: {poll_interval_ms: 5}}}\n\
    routes: {orders: {from: {system: shop, channel: orders, settings: {follow: true}}, to: shop/out}}\n";

/// A terminal of 80 columns, and what was written to it.
struct Terminal {
    near: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    fn open() -> Self {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be made");
        grantpt(&far)
            .and_then(|()| unlockpt(&far))
            .expect("it can be used");
        let name = ptsname(&far, Vec::new()).expect("it has a name");
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let near = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .expect("it can be opened");
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&near, size).expect("it takes a size");
        let shown = Arc::default();
        let all: Arc<Mutex<Vec<u8>>> = Arc::clone(&shown);
        let mut far = File::from(far);
        let reader = std::thread::spawn(move || {
            let mut block = [0; 4096];
            // It ends with an error once nobody has the terminal open any more.
            while let Ok(read @ 1..) = far.read(&mut block) {
                all.lock()
                    .expect("nobody panicked")
                    .extend_from_slice(&block[..read]);
            }
        });
        Self { near, shown, reader }
    }

    /// Makes this the place that both outputs of a command go to.
    fn stdio(&self, command: &mut Command) {
        let near = || Stdio::from(self.near.try_clone().expect("a file can be opened twice"));
        command.stdin(Stdio::null()).stdout(near()).stderr(near());
        command.env("TERM", "xterm");
    }

    /// What was shown so far.
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("nobody panicked")).into_owned()
    }

    /// What was shown, once nobody writes any more.
    fn all(self) -> String {
        let Self { near, shown, reader } = self;
        drop(near);
        reader.join().expect("nobody panicked");
        String::from_utf8_lossy(&shown.lock().expect("nobody panicked")).into_owned()
    }
}

/// What `dunlin run` shows of nothing new on a terminal.
fn nothing_new(no_color: Option<&str>) -> String {
    let project = Project::with(
        "systems: {shop: {url: 'file:data'}}\nroutes: {orders: {from: shop/orders, to: shop/out}}\n",
    );
    project.write("data/orders.ndjson", "");
    let terminal = Terminal::open();
    let mut command = project.command(&["run"]);
    terminal.stdio(&mut command);
    command.env_remove("NO_COLOR");
    command.envs(no_color.map(|value| ("NO_COLOR", value)));
    let status = command.status().expect("the command can be started");
    drop(command);
    assert!(status.success());
    terminal.all()
}

#[test]
fn colours_are_there_on_a_terminal_unless_no_color_is_set() {
    const GREEN: &str = "orders: \u{1b}[32mnothing new\u{1b}[0m";
    assert!(nothing_new(None).contains(GREEN));
    assert!(
        nothing_new(Some("")).contains(GREEN),
        "an empty NO_COLOR says nothing"
    );
    let plain = nothing_new(Some("1"));
    assert!(plain.contains("orders: nothing new"), "{plain:?}");
    assert!(!plain.contains("\u{1b}[32m"), "{plain:?}");
}

#[test]
fn bars_are_drawn_on_a_terminal_and_nowhere_else() {
    let project = Project::with(FOLLOWING);
    project.write("data/orders.ndjson", "1\n2\n3\n");
    let terminal = Terminal::open();
    let mut command = project.command(&["run"]);
    terminal.stdio(&mut command);
    let mut running = Running::attached(&mut command);
    drop(command);
    running.until("a bar shows the route", || terminal.shown().contains("orders"));
    running.signal(Signal::TERM);
    assert_eq!(running.wait().status, Some(0));
    let shown = terminal.all();
    assert!(
        shown.contains('\u{1b}'),
        "a bar is drawn again in its place: {shown:?}"
    );

    let project = Project::with(FOLLOWING);
    project.write("data/orders.ndjson", "1\n2\n3\n");
    let mut running = project.start(&["run"]);
    running.until("all are forwarded", || {
        project.text("data/out.ndjson") == "1\n2\n3\n"
    });
    running.signal(Signal::TERM);
    let ran = running.wait();
    assert_eq!(
        ran.errors,
        "finishing what is in flight; a second signal aborts\n"
    );
    assert!(!ran.out.contains('\u{1b}'), "{ran:?}");
}
