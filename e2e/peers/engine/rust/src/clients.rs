//! Clients that repeat an operation at the same time, and what they did together.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

#[derive(Default)]
pub struct Totals {
    pub operations: u64,
    pub failed: u64,
    pub elapsed: Duration,
    /// Of the operations that were timed, in order of size.
    latencies: Vec<Duration>,
}

impl Totals {
    /// In microseconds; zero when nothing was timed.
    pub fn percentile(&self, percent: usize) -> f64 {
        match self.latencies.len() {
            0 => 0.0,
            n => self.latencies[(n - 1) * percent / 100].as_secs_f64() * 1e6,
        }
    }
}

/// One client: a task's own state and what it does over and over.
pub trait Client: Send + 'static {
    fn operate(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Lets every client repeat its operation for the duration, and gives the clients back. Every `sample_every`-th
/// operation of a client is timed.
pub async fn run<C: Client>(clients: Vec<C>, duration: Duration, sample_every: u64) -> Result<(Totals, Vec<C>)> {
    let stop = Arc::new(AtomicBool::new(false));
    let complained = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(repeat(client, sample_every, stop.clone(), complained.clone()));
    }
    // A thread of its own: clients that never have to wait leave a runtime of one thread no time for its timers.
    let timer = tokio::task::spawn_blocking(move || {
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });

    let (mut all, mut back) = (Totals::default(), Vec::with_capacity(tasks.len()));
    while let Some(finished) = tasks.join_next().await {
        let (one, client) = finished?;
        all.operations += one.operations;
        all.failed += one.failed;
        all.latencies.extend(one.latencies);
        back.push(client);
    }
    timer.await?;
    all.elapsed = started.elapsed();
    all.latencies.sort_unstable();
    Ok((all, back))
}

async fn repeat<C: Client>(
    mut client: C,
    sample_every: u64,
    stop: Arc<AtomicBool>,
    complained: Arc<AtomicBool>,
) -> (Totals, C) {
    let mut mine = Totals::default();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let began = (round % sample_every == 0).then(Instant::now);
        round += 1;
        match client.operate().await {
            Ok(()) => {
                mine.operations += 1;
                mine.latencies.extend(began.map(|at| at.elapsed()));
            }
            Err(error) => {
                mine.failed += 1;
                if !complained.swap(true, Ordering::Relaxed) {
                    eprintln!("rust-peer: first failed operation: {error:#}");
                }
            }
        }
    }
    (mine, client)
}
