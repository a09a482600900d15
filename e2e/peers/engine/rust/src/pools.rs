//! The two pools behind one trait, each with the settings its documentation gives for cheap checkouts.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, ensure};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::Options;

pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const SELECT_1: &str = "SELECT 1";

/// A connection pool to one database.
pub trait Pool: Send + Sync + 'static {
    /// Opens so many connections: they are held together before they are put back.
    fn open(&self, connections: usize) -> impl Future<Output = Result<()>> + Send;
    /// Takes a connection and puts it back; `yield_once` lets another task run in between.
    fn get_put(&self, yield_once: bool) -> impl Future<Output = Result<()>> + Send;
    /// Takes a connection, runs SELECT 1 and puts it back.
    fn select_1(&self) -> impl Future<Output = Result<()>> + Send;
}

fn check_one(row: &Row) -> Result<()> {
    let one: i32 = row.try_get(0)?;
    ensure!(one == 1, "SELECT 1 returned {one}");
    Ok(())
}

/// deadpool-postgres with its cache of prepared statements. Its recycling method `Fast`, the default, asks the client
/// whether the connection is closed; the others send a query at every checkout.
pub struct Deadpool(deadpool_postgres::Pool);

impl Deadpool {
    pub fn new(options: &Options) -> Result<Self> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(options.server(), NoTls, recycling);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(options.connections as usize)
            .wait_timeout(Some(ACQUIRE_TIMEOUT))
            .create_timeout(Some(ACQUIRE_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self(pool))
    }
}

impl Pool for Deadpool {
    async fn open(&self, connections: usize) -> Result<()> {
        let mut held = Vec::with_capacity(connections);
        while held.len() < connections {
            held.push(self.0.get().await?);
        }
        Ok(())
    }

    async fn get_put(&self, yield_once: bool) -> Result<()> {
        let _connection = self.0.get().await?;
        if yield_once {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn select_1(&self) -> Result<()> {
        let connection = self.0.get().await?;
        let statement = connection.prepare_cached(SELECT_1).await?;
        check_one(&connection.query_one(&statement, &[]).await?)
    }
}

type PostgresManager = bb8_postgres::PostgresConnectionManager<NoTls>;

/// Connections of bb8-postgres with their prepared statement: the package has no cache, its example `custom_state`
/// keeps statements beside the client.
pub struct PreparingManager(PostgresManager);

pub struct PreparedClient {
    client: Client,
    select_1: Statement,
}

impl bb8::ManageConnection for PreparingManager {
    type Connection = PreparedClient;
    type Error = tokio_postgres::Error;

    async fn connect(&self) -> Result<PreparedClient, Self::Error> {
        let client = self.0.connect().await?;
        let select_1 = client.prepare(SELECT_1).await?;
        Ok(PreparedClient { client, select_1 })
    }

    async fn is_valid(&self, connection: &mut PreparedClient) -> Result<(), Self::Error> {
        self.0.is_valid(&mut connection.client).await
    }

    fn has_broken(&self, connection: &mut PreparedClient) -> bool {
        self.0.has_broken(&mut connection.client)
    }
}

/// bb8. By default it sends an empty query at every checkout, which `test_on_check_out` turns off.
pub struct Bb8(bb8::Pool<PreparingManager>);

impl Bb8 {
    pub async fn new(options: &Options) -> Result<Self> {
        let manager = PreparingManager(PostgresManager::new(options.server(), NoTls));
        let pool = bb8::Pool::builder()
            .max_size(options.connections)
            .connection_timeout(ACQUIRE_TIMEOUT)
            .test_on_check_out(false)
            .build(manager)
            .await?;
        Ok(Self(pool))
    }
}

impl Pool for Bb8 {
    async fn open(&self, connections: usize) -> Result<()> {
        let mut held = Vec::with_capacity(connections);
        while held.len() < connections {
            held.push(self.0.get().await?);
        }
        Ok(())
    }

    async fn get_put(&self, yield_once: bool) -> Result<()> {
        let _connection = self.0.get().await?;
        if yield_once {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn select_1(&self) -> Result<()> {
        let connection = self.0.get().await?;
        check_one(&connection.client.query_one(&connection.select_1, &[]).await?)
    }
}
