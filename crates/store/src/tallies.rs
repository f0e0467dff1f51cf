//! What happens too often for a row each, counted by the minute over all servers.

use crate::{Error, Value, Writer};

const ADD: &str = "INSERT INTO tallies (name, minute, count) VALUES ($1, $2, $3) \
                   ON CONFLICT (name, minute) DO UPDATE SET count = tallies.count + excluded.count RETURNING count";

impl Writer {
    /// All of them or none.
    pub async fn add_tallies(&mut self, minute: i64, counts: &[(&'static str, i64)]) -> Result<(), Error> {
        self.begin().await?;
        for (name, count) in counts {
            if let Err(error) = self.query(ADD, &[(*name).into(), Value::Int(minute), Value::Int(*count)]).await {
                self.rollback().await;
                return Err(error);
            }
        }
        self.commit().await
    }
}
