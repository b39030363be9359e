//! One thread reads, as many as there are cores judge, and the one that was there writes.
//!
//! Blocks are dealt out in turn and taken back in the same turn, so the order is kept without anybody sorting, and the result
//! does not depend on who was faster. Every channel holds one block: what is in memory is a few blocks for each thread.
//!
//! The threads are not waited for: where the output is closed, the reader may be stuck in a read that never ends, and the process
//! ends all the same.

use std::io::{self, Read};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder};

use super::Writing;
use super::judge::{Judge, Judged};
use crate::blocks::{Block, Blocks};
use crate::ending::Trouble;
use crate::project::Input;

/// Blocks that wait in a channel.
const WAITING: usize = 1;

/// As the main thread has it: conditions may be nested.
const STACK: usize = 8 * 1024 * 1024;

/// What a thread is given and gives back.
enum Turn<T> {
    Work(T),
    /// There is no more, or it cannot be read.
    End(io::Result<()>),
}

/// Judges all of the input, and writes it.
///
/// # Errors
/// The input cannot be read or the output not written; what came before is written.
pub(super) fn run(input: Input, judge: &Judge, writing: &mut Writing<'_>) -> Result<(), Trouble> {
    let mut deal = Vec::new();
    let mut take = Vec::new();
    for _ in 0..threads() {
        let (blocks, dealt) = sync_channel(WAITING);
        let (done, judged) = sync_channel(WAITING);
        let judge = judge.clone();
        start("judge", move || work(&judge, &dealt, &done))?;
        deal.push(blocks);
        take.push(judged);
    }
    let Input { name, bytes } = input;
    start("reader", move || read(bytes, &deal))?;
    for judged in take.iter().cycle() {
        match judged.recv() {
            Ok(Turn::Work(judged)) => writing.write(judged)?,
            Ok(Turn::End(Ok(()))) => break,
            Ok(Turn::End(Err(error))) => {
                return Err(Trouble::Failed(format!("{name} cannot be read: {error}")));
            }
            // Only a panic ends a thread before it was told to end, and that has been told.
            Err(_) => return Err(Trouble::Failed("a thread of this program has failed".to_owned())),
        }
    }
    Ok(())
}

/// More than a few would wait for the one that writes.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(16)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Trouble> {
    Builder::new()
        .name(name.to_owned())
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
        .map_err(|error| Trouble::Failed(format!("a thread cannot be started: {error}")))
}

/// Deals out blocks until there are none, or nobody wants them.
fn read(input: impl Read, deal: &[SyncSender<Turn<Block>>]) {
    let mut blocks = Blocks::of(input);
    for thread in deal.iter().cycle() {
        let (turn, last) = match blocks.next() {
            Ok(Some(block)) => (Turn::Work(block), false),
            Ok(None) => (Turn::End(Ok(())), true),
            Err(error) => (Turn::End(Err(error)), true),
        };
        if thread.send(turn).is_err() || last {
            return;
        }
    }
}

/// Judges blocks until it is told to end, or nobody wants them.
fn work(judge: &Judge, dealt: &Receiver<Turn<Block>>, done: &SyncSender<Turn<Judged>>) {
    let mut worker = judge.worker();
    while let Ok(turn) = dealt.recv() {
        let turn = match turn {
            Turn::Work(block) => Turn::Work(judge.block(&block, &mut worker)),
            Turn::End(end) => Turn::End(end),
        };
        if done.send(turn).is_err() {
            return;
        }
    }
}
