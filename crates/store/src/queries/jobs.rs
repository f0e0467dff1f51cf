//! Jobs, their last runs, and the record of all runs.

use kernel::{Job, JobRun, MemberId, RunId};

use crate::lists::{ListStatement, Page, Placed, Sorting, Unlisted, Way, lists};
use crate::rows::FromRow;
use crate::{Cells, Error, Row, Store};

const ALL: &str = "SELECT j.name, j.paused, j.last_run, r.run_id, r.job, r.node, r.claim, r.triggered_by, r.started_at, r.state, \
     r.lease_until, r.ended_at, r.counts, r.error, u.nickname FROM jobs AS j LEFT JOIN job_runs AS r ON r.run_id = j.last_run \
     LEFT JOIN members AS u ON u.member_id = r.triggered_by";
const RUNS: &str = "SELECT r.run_id, r.job, r.node, r.claim, r.triggered_by, r.started_at, r.state, r.lease_until, r.ended_at, \
     r.counts, r.error, u.nickname FROM job_runs AS r LEFT JOIN members AS u ON u.member_id = r.triggered_by \
     WHERE r.job = $1 ORDER BY r.run_id DESC LIMIT $2";
const LISTED: &str = "SELECT {place}, r.run_id, r.job, r.node, r.claim, r.triggered_by, r.started_at, r.state, r.lease_until, r.ended_at, \
     r.counts, r.error, u.nickname FROM job_runs AS r LEFT JOIN members AS u ON u.member_id = r.triggered_by \
     WHERE {after} AND r.job = $1";
const RUN: &str = "SELECT r.run_id, r.job, r.node, r.claim, r.triggered_by, r.started_at, r.state, r.lease_until, r.ended_at, \
     r.counts, r.error, u.nickname FROM job_runs AS r LEFT JOIN members AS u ON u.member_id = r.triggered_by \
     WHERE r.run_id = $1";

/// How lists of a job's runs are sorted.
pub enum RunSorting {}

impl Sorting for RunSorting {
    const WAYS: &'static [Way] = &[
        Way::by_id("started_at"),
        // What still runs comes before what ended.
        Way::by_number("duration_ms", "COALESCE(r.ended_at - r.started_at, 0)"),
    ];
}

lists! {
    LIST = ListStatement::new::<RunSorting>("r.run_id", 1, LISTED);
}

/// A run, and who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub run: JobRun,
    pub triggered_by: Option<(MemberId, String)>,
}

/// Every job that has run or been paused, with its last run.
pub async fn all(store: &Store) -> Result<Vec<(Job, Option<Shown>)>, Error> {
    let rows = store.query(ALL, Vec::new()).await?;
    let with_run = |row: Row| {
        let mut cells = row.cells();
        let job = Job::from_cells(&mut cells)?;
        let run = job.last_run.map(|_| shown(&mut cells)).transpose()?;
        Ok((job, run))
    };
    rows.into_iter().map(with_run).collect()
}

pub async fn list(store: &Store, job: &str, page: &Page) -> Result<Vec<Placed<Shown>>, Unlisted> {
    LIST.page(store, vec![job.to_owned().into()], page, shown).await
}

/// The last ones, newest first.
pub async fn runs(store: &Store, job: &str, limit: i64) -> Result<Vec<Shown>, Error> {
    let rows = store.query(RUNS, vec![job.to_owned().into(), limit.into()]).await?;
    rows.into_iter().map(|row| shown(&mut row.cells())).collect()
}

pub async fn run(store: &Store, id: RunId) -> Result<Option<Shown>, Error> {
    let rows = store.query(RUN, vec![id.get().into()]).await?;
    rows.into_iter().next().map(|row| shown(&mut row.cells())).transpose()
}

fn shown(cells: &mut Cells) -> Result<Shown, Error> {
    let run = JobRun::from_cells(cells)?;
    let nickname = cells.opt_text()?;
    Ok(Shown { triggered_by: run.triggered_by.zip(nickname), run })
}
