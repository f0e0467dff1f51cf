//! Scheduled backups: one file a run, looked through before it counts, and of the older ones the last of each day and week.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use kernel::{Counts, Date, Instant};

use crate::jobs::counts;
use crate::{Job, Ran, Schedule, Service};

const BEGINNING: &str = "fanpiao-";
const ENDING: &str = ".backup";
/// What a run that was cut off leaves.
const PARTIAL: &str = ".backup.partial";

/// Writes the whole database into a folder, once a day.
pub struct BackUp {
    /// It is not made here: where it is missing, a disk may be.
    pub folder: PathBuf,
    /// After midnight in the configured zone.
    pub minute: u16,
    /// Of so many days the last backup is kept, days without one not counted.
    pub keep_days: usize,
    /// The same of weeks, which begin on Monday.
    pub keep_weeks: usize,
}

impl BackUp {
    pub(crate) const NAME: &str = "backup";

    async fn back_up(&self, service: &Service) -> Result<Counts, String> {
        let file = self.folder.join(name_at(service.now(), service.zone()));
        in_folder(&self.folder, remove_partial).await?;
        let store = service.store();
        store.backup(&file).await.map_err(|error| format!("no backup was made: {error}"))?;
        if let Err(error) = store.examine(&file).await {
            drop(fs::remove_file(&file));
            return Err(format!("the backup cannot be restored: {error}"));
        }
        let (days, weeks) = (self.keep_days, self.keep_weeks);
        let (kept, removed) = in_folder(&self.folder, move |folder| rotate(folder, days, weeks)).await?;
        let bytes = file.metadata().map_err(|error| error.to_string())?.len();
        Ok(counts([("kib", number(bytes.div_ceil(1024))), ("kept", kept), ("removed", removed)]))
    }
}

impl Job for BackUp {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schedule(&self) -> Schedule {
        Schedule::Daily { minute: self.minute }
    }

    fn run<'a>(&'a self, service: &'a Service) -> Ran<'a> {
        Box::pin(self.back_up(service))
    }
}

async fn in_folder<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let folder = folder.to_owned();
    let done =
        tokio::task::spawn_blocking(move || work(&folder).map_err(|error| format!("{}: {error}", folder.display())));
    done.await.map_err(|error| error.to_string())?
}

/// By the house's clocks: names in order are backups in order.
fn name_at(now: Instant, zone: &TimeZone) -> String {
    let now = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{BEGINNING}{}{ENDING}", zone.to_datetime(now).strftime("%Y-%m-%d-%H%M%S"))
}

/// The day of a backup of ours; nothing for any other file.
fn date_of(name: &str) -> Option<Date> {
    let (date, time) = name.strip_prefix(BEGINNING)?.strip_suffix(ENDING)?.split_at_checked(10)?;
    let time = time.strip_prefix('-')?;
    let is_time = time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit());
    date.parse().ok().filter(|_| is_time)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn remove_partial(folder: &Path) -> io::Result<()> {
    let is_ours = |name: &&String| name.starts_with(BEGINNING) && name.ends_with(PARTIAL);
    names(folder)?.iter().filter(is_ours).try_for_each(|name| fs::remove_file(folder.join(name)))
}

/// How many are left, and how many were removed.
fn rotate(folder: &Path, days: usize, weeks: usize) -> io::Result<(i64, i64)> {
    let ours: BTreeSet<String> = names(folder)?.into_iter().filter(|name| date_of(name).is_some()).collect();
    let kept = kept(&ours, days, weeks);
    let removed: Vec<_> = ours.iter().filter(|name| !kept.contains(name.as_str())).collect();
    removed.iter().try_for_each(|name| fs::remove_file(folder.join(name)))?;
    Ok((number(kept.len()), number(removed.len())))
}

fn kept(ours: &BTreeSet<String>, days: usize, weeks: usize) -> BTreeSet<&str> {
    let (mut kept, mut of_days, mut of_weeks) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for name in ours.iter().rev() {
        let Some(date) = date_of(name) else { continue };
        let monday = date.plus_days(1 - i32::from(date.weekday()));
        let is_last_of_day = of_days.len() < days && of_days.insert(date);
        let is_last_of_week = of_weeks.len() < weeks && of_weeks.insert(monday);
        if is_last_of_day || is_last_of_week {
            kept.insert(name.as_str());
        }
    }
    kept
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_day_and_week_stays() {
        let first: Date = "2026-03-02".parse().expect("a Monday");
        let mut ours: BTreeSet<String> =
            (0..30).map(|day| format!("fanpiao-{}-023000.backup", first.plus_days(day))).collect();
        ours.insert("fanpiao-2026-03-31-091500.backup".to_owned());
        let expected = [
            "fanpiao-2026-03-15-023000.backup",
            "fanpiao-2026-03-22-023000.backup",
            "fanpiao-2026-03-29-023000.backup",
            "fanpiao-2026-03-30-023000.backup",
            "fanpiao-2026-03-31-091500.backup",
        ];
        assert_eq!(kept(&ours, 3, 4), expected.into());
        assert_eq!(kept(&ours, 1, 0), expected[4..].iter().copied().collect());
    }

    #[test]
    fn other_files_are_none_of_ours() {
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let name = name_at("2026-03-01T18:30:05Z".parse().expect("an instant"), &zone);
        assert_eq!((name.as_str(), date_of(&name)), ("fanpiao-2026-03-02-023005.backup", "2026-03-02".parse().ok()));
        for other in
            ["house.backup", "fanpiao-2026-03-02.backup", "fanpiao-2026-13-02-023005.backup", "fanpiao-….backup"]
        {
            assert_eq!(date_of(other), None, "{other}");
        }
    }
}
