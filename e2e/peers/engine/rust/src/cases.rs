//! The cases: what the clients do, and what is reported of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::clients::{self, Client, Totals};
use crate::pools::Pool;
use crate::{Case, Options};

const WARM_UP: Duration = Duration::from_millis(1500);
/// A clock read costs as much as a good part of taking and putting back a connection.
const SAMPLE_EVERY: u64 = 64;
const STORM_RETRY: Duration = Duration::from_millis(10);

type Report = Map<String, Value>;

/// Opens all connections and runs the case; the report holds the measured keys only.
pub async fn run<P: Pool>(options: &Options, pool: P) -> Result<Report> {
    pool.open(options.connections as usize)
        .await
        .with_context(|| format!("opening {} connections", options.connections))?;
    let pool = Arc::new(pool);
    let yield_once = options.clients > options.connections;
    match options.case {
        Case::GetPut => steady(options, || GetPut { pool: pool.clone(), yield_once }).await,
        Case::Select1 => steady(options, || Select1 { pool: pool.clone() }).await,
        Case::Storm => storm(options, pool).await,
    }
}

struct GetPut<P> {
    pool: Arc<P>,
    yield_once: bool,
}

impl<P: Pool> Client for GetPut<P> {
    async fn operate(&mut self) -> Result<()> {
        self.pool.get_put(self.yield_once).await
    }
}

struct Select1<P> {
    pool: Arc<P>,
}

impl<P: Pool> Client for Select1<P> {
    async fn operate(&mut self) -> Result<()> {
        self.pool.select_1().await
    }
}

async fn steady<C: Client>(options: &Options, client: impl Fn() -> C) -> Result<Report> {
    let clients = (0..options.clients).map(|_| client()).collect();
    let (_, clients) = clients::run(clients, WARM_UP, SAMPLE_EVERY).await?;
    let (totals, _) = clients::run(clients, options.duration(), SAMPLE_EVERY).await?;
    Ok(report(&totals))
}

/// A client that keeps asking while the server goes away and comes back, and remembers its longest time without an
/// answer.
struct Survivor<P> {
    pool: Arc<P>,
    last_success: Instant,
    longest: Duration,
    end: Option<Instant>,
}

impl<P: Pool> Client for Survivor<P> {
    async fn operate(&mut self) -> Result<()> {
        if let Err(error) = self.pool.select_1().await {
            tokio::time::sleep(STORM_RETRY).await;
            return Err(error);
        }
        let now = Instant::now();
        if now - self.last_success > self.longest {
            self.longest = now - self.last_success;
            self.end = Some(now);
        }
        self.last_success = now;
        Ok(())
    }
}

impl<P> Survivor<P> {
    /// When its longest gap ended, `None` if it has not.
    fn served_at(&self, now: Instant) -> Option<Instant> {
        self.end.filter(|_| now - self.last_success <= self.longest)
    }
}

async fn storm<P: Pool>(options: &Options, pool: Arc<P>) -> Result<Report> {
    let began = Instant::now();
    let began_unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let survivors = (0..options.clients)
        .map(|_| Survivor { pool: pool.clone(), last_success: began, longest: Duration::ZERO, end: None })
        .collect();
    let (totals, survivors) = clients::run(survivors, options.duration(), 1).await?;
    let now = Instant::now();
    let served_at: Vec<Option<f64>> =
        survivors.iter().map(|one| Some((began_unix + (one.served_at(now)? - began)).as_secs_f64())).collect();
    let mut report = report(&totals);
    report.insert("errors".into(), json!(totals.failed));
    report.insert("served_at".into(), json!(served_at));
    Ok(report)
}

fn report(totals: &Totals) -> Report {
    Report::from_iter([
        ("operations".into(), json!(totals.operations)),
        ("seconds".into(), json!(totals.elapsed.as_secs_f64())),
        ("failed".into(), json!(totals.failed)),
        ("p50_us".into(), json!(totals.percentile(50))),
        ("p99_us".into(), json!(totals.percentile(99))),
    ])
}
