//! Measures one of Rust's PostgreSQL connection pools the way our own engine is measured: the same server, the same
//! cases, the same number of clients, threads and connections. It prints one JSON object on standard output; errors go
//! to standard error with a non-zero exit status.

mod cases;
mod clients;
mod pools;

use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};

#[derive(Clone, Copy, ValueEnum)]
enum PoolName {
    DeadpoolPostgres,
    Bb8,
}

impl PoolName {
    /// The package that holds the pool.
    fn package(self) -> &'static str {
        match self {
            PoolName::DeadpoolPostgres => "deadpool-postgres",
            PoolName::Bb8 => "bb8",
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Case {
    #[value(name = "get_put")]
    GetPut,
    #[value(name = "select_1")]
    Select1,
    #[value(name = "storm")]
    Storm,
}

/// Measures a PostgreSQL connection pool; prints one JSON object.
#[derive(Parser)]
struct Options {
    #[arg(long)]
    pool: PoolName,
    #[arg(long)]
    case: Case,
    /// Address of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port of the server
    #[arg(long, default_value_t = 5432)]
    port: u16,
    /// Role to connect as
    #[arg(long)]
    user: String,
    /// Password of the role
    #[arg(long)]
    password: String,
    #[arg(long, default_value = "postgres")]
    database: String,
    /// How long to measure
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Clients at work at the same time, each a task
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Connections of the pool
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Threads that run the tasks
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
}

impl Options {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn server(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .password(&self.password)
            .dbname(&self.database)
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        config
    }
}

/// The version of a package that this program was built with.
fn package_version(package: &str) -> anyhow::Result<&'static str> {
    let lock = include_str!("../Cargo.lock");
    lock.split_once(&format!("name = \"{package}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(version, _)| version)
        .with_context(|| format!("Cargo.lock does not name {package}"))
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut report = serde_json::json!({
        "pool": options.pool.package(),
        "version": package_version(options.pool.package())?,
        "case": options.case.to_possible_value().expect("every case has a name").get_name(),
        "clients": options.clients,
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(options.threads.into()).enable_all().build()?;
    let measured = runtime.block_on(async {
        match options.pool {
            PoolName::DeadpoolPostgres => cases::run(&options, pools::Deadpool::new(&options)?).await,
            PoolName::Bb8 => cases::run(&options, pools::Bb8::new(&options).await?).await,
        }
    })?;
    report.as_object_mut().expect("made as an object above").extend(measured);
    println!("{report}");
    Ok(())
}
