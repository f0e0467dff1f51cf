//! Counters and latencies of every route, as Prometheus reads them.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// Upper bounds in microseconds, with the seconds that Prometheus wants to read.
const BOUNDS: [(u64, &str); 13] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteIndex(usize);

impl RouteIndex {
    /// Paths that do not exist share one measure: otherwise anybody could make labels.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// The place of the endpoint number `at`.
    pub(crate) fn of_endpoint(at: usize) -> Self {
        Self(at + 1)
    }
}

struct Route {
    method: String,
    path: &'static str,
    answers: [AtomicU64; CLASSES.len()],
    /// How many answers took at most as long as each bound, and longer than the one before it.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    total_us: AtomicU64,
}

pub(crate) struct Metrics {
    routes: Vec<Route>,
    running: AtomicI64,
}

impl Metrics {
    pub(crate) fn new(endpoints: impl Iterator<Item = (String, &'static str)>) -> Self {
        let unknown = std::iter::once(("*".to_owned(), "unknown"));
        let routes = unknown.chain(endpoints).map(|(method, path)| Route {
            method,
            path,
            answers: Default::default(),
            buckets: Default::default(),
            total_us: AtomicU64::new(0),
        });
        Self { routes: routes.collect(), running: AtomicI64::new(0) }
    }

    /// Counts a request as running until the guard goes, however it goes.
    pub(crate) fn enter(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(&self.running)
    }

    pub(crate) fn record(&self, RouteIndex(route): RouteIndex, status: StatusCode, took: Duration) {
        let Some(route) = self.routes.get(route) else { return };
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let bucket = BOUNDS.partition_point(|&(bound, _)| bound < took);
        route.answers[class].fetch_add(1, Ordering::Relaxed);
        route.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        route.total_us.fetch_add(took, Ordering::Relaxed);
    }

    pub(crate) fn write(&self, page: &mut String) {
        // Writing into a String cannot fail.
        let _ = self.try_write(page);
    }

    fn try_write(&self, page: &mut String) -> std::fmt::Result {
        page.push_str("# HELP fanpiao_http_requests_running Requests being answered.\n");
        page.push_str("# TYPE fanpiao_http_requests_running gauge\n");
        writeln!(page, "fanpiao_http_requests_running {}", self.running.load(Ordering::Relaxed))?;

        page.push_str("# HELP fanpiao_http_requests_total Answers by route and status class.\n");
        page.push_str("# TYPE fanpiao_http_requests_total counter\n");
        for Route { method, path, answers, .. } in &self.routes {
            for (class, count) in CLASSES.iter().zip(answers) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    writeln!(
                        page,
                        "fanpiao_http_requests_total{{method=\"{method}\",path=\"{path}\",status=\"{class}\"}} {count}"
                    )?;
                }
            }
        }

        page.push_str("# HELP fanpiao_http_request_seconds How long answers took.\n");
        page.push_str("# TYPE fanpiao_http_request_seconds histogram\n");
        for Route { method, path, buckets, total_us, .. } in &self.routes {
            let counts = buckets.each_ref().map(|count| count.load(Ordering::Relaxed));
            let all: u64 = counts.iter().sum();
            if all == 0 {
                continue;
            }
            let mut so_far = 0;
            let labels = format!("method=\"{method}\",path=\"{path}\"");
            for (count, (_, bound)) in counts.iter().zip(BOUNDS) {
                so_far += count;
                writeln!(page, "fanpiao_http_request_seconds_bucket{{{labels},le=\"{bound}\"}} {so_far}")?;
            }
            let total = seconds(total_us.load(Ordering::Relaxed));
            writeln!(page, "fanpiao_http_request_seconds_bucket{{{labels},le=\"+Inf\"}} {all}")?;
            writeln!(page, "fanpiao_http_request_seconds_sum{{{labels}}} {total}")?;
            writeln!(page, "fanpiao_http_request_seconds_count{{{labels}}} {all}")?;
        }
        Ok(())
    }
}

/// The lanes' figures, under the names that dashboards know them by.
pub(crate) fn write_lanes(page: &mut String, lanes: &service::Metrics) {
    // Writing into a String cannot fail.
    let _ = try_write_lanes(page, lanes);
}

fn try_write_lanes(page: &mut String, lanes: &service::Metrics) -> std::fmt::Result {
    let figures = [
        ("fanpiao_lane_queued", "gauge", "Commands that wait for a lane.", &lanes.queued),
        ("fanpiao_lane_commands_total", "counter", "Commands decided.", &lanes.commands),
        ("fanpiao_lane_refusals_total", "counter", "Commands refused by a rule.", &lanes.refusals),
        ("fanpiao_lane_batches_total", "counter", "Batches committed.", &lanes.batches),
        ("fanpiao_lane_retries_total", "counter", "Batches begun again.", &lanes.retries),
        ("fanpiao_lane_unknown_total", "counter", "Answers whose commit is not known.", &lanes.unknown_outcomes),
        (
            "fanpiao_expired_orders_released_total",
            "counter",
            "Unpaid orders past their deadline that were released.",
            &lanes.orders_released,
        ),
        (
            "fanpiao_expired_orders_failed_total",
            "counter",
            "Unpaid orders past their deadline that could not be released.",
            &lanes.release_failures,
        ),
        (
            "fanpiao_expired_orders_rolled_back_total",
            "counter",
            "Transactions of the release that were rolled back.",
            &lanes.release_rollbacks,
        ),
        (
            "fanpiao_expired_orders_release_micros_total",
            "counter",
            "Microseconds that releasing took in all.",
            &lanes.release_micros,
        ),
        ("fanpiao_lane_overloaded_total", "counter", "Commands turned away by a full queue.", &lanes.overloaded),
    ];
    for (name, kind, help, figure) in figures {
        let figure = figure.load(Ordering::Relaxed);
        writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {figure}")?;
    }
    write_histogram(page, "fanpiao_lane_batch_commands", "Commands in a batch.", &lanes.batch_commands, whole)?;
    write_histogram(page, "fanpiao_lane_batch_seconds", "A batch, its commit included.", &lanes.batch_micros, seconds)?;
    let results = [
        ("success", &lanes.compensation_success),
        ("failed", &lanes.compensation_failed),
        ("skipped", &lanes.compensation_skipped),
    ];
    let name = "recharge_compensation_orders_total";
    writeln!(page, "# HELP {name} Total number of orders processed by compensation job\n# TYPE {name} counter")?;
    for (result, count) in results {
        writeln!(page, "{name}{{result=\"{result}\"}} {}", count.load(Ordering::Relaxed))?;
    }
    let (name, help) = ("recharge_compensation_job_duration_seconds", "Duration of order compensation job");
    write_histogram(page, name, help, &lanes.compensation_micros, seconds)?;
    write_histogram(page, "fanpiao_lane_commit_seconds", "The commit alone.", &lanes.commit_micros, seconds)
}

/// The figures of the jobs that this server has run.
pub(crate) fn write_jobs(page: &mut String, service: &service::Service) {
    // Writing into a String cannot fail.
    let _ = try_write_jobs(page, service);
}

fn try_write_jobs(page: &mut String, service: &service::Service) -> std::fmt::Result {
    page.push_str("# HELP fanpiao_job_running Runs going on.\n# TYPE fanpiao_job_running gauge\n");
    for (job, metrics) in service.job_metrics() {
        writeln!(page, "fanpiao_job_running{{job=\"{job}\"}} {}", metrics.running.load(Ordering::Relaxed))?;
    }
    page.push_str("# HELP fanpiao_job_runs_total Runs by how they ended.\n# TYPE fanpiao_job_runs_total counter\n");
    for (job, metrics) in service.job_metrics() {
        for (result, count) in [("succeeded", &metrics.succeeded), ("failed", &metrics.failed)] {
            let count = count.load(Ordering::Relaxed);
            writeln!(page, "fanpiao_job_runs_total{{job=\"{job}\",result=\"{result}\"}} {count}")?;
        }
    }
    page.push_str("# HELP fanpiao_job_seconds How long runs took.\n# TYPE fanpiao_job_seconds histogram\n");
    for (job, metrics) in service.job_metrics() {
        let (buckets, sum, count) = metrics.micros.read();
        for (bound, below) in buckets {
            writeln!(page, "fanpiao_job_seconds_bucket{{job=\"{job}\",le=\"{}\"}} {below}", seconds(bound))?;
        }
        writeln!(page, "fanpiao_job_seconds_bucket{{job=\"{job}\",le=\"+Inf\"}} {count}")?;
        writeln!(page, "fanpiao_job_seconds_sum{{job=\"{job}\"}} {}", seconds(sum))?;
        writeln!(page, "fanpiao_job_seconds_count{{job=\"{job}\"}} {count}")?;
    }
    Ok(())
}

fn write_histogram<const N: usize>(
    page: &mut String,
    name: &str,
    help: &str,
    histogram: &service::Histogram<N>,
    shown: fn(u64) -> String,
) -> std::fmt::Result {
    let (buckets, sum, count) = histogram.read();
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} histogram")?;
    for (bound, below) in buckets {
        writeln!(page, "{name}_bucket{{le=\"{}\"}} {below}", shown(bound))?;
    }
    writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {}\n{name}_count {count}", shown(sum))
}

fn whole(number: u64) -> String {
    number.to_string()
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

pub(crate) struct Running<'a>(&'a AtomicI64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_counts_by_route_and_class() {
        let metrics = Metrics::new(std::iter::once(("GET".to_owned(), "/api/v1/meals")));
        let route = RouteIndex::of_endpoint(0);
        metrics.record(route, StatusCode::OK, Duration::from_micros(700));
        metrics.record(route, StatusCode::OK, Duration::from_micros(1_000));
        metrics.record(route, StatusCode::BAD_REQUEST, Duration::from_secs(60));
        metrics.record(RouteIndex::UNKNOWN, StatusCode::NOT_FOUND, Duration::ZERO);
        let running = metrics.enter();
        let mut page = String::new();
        metrics.write(&mut page);
        drop(running);
        for line in [
            "fanpiao_http_requests_running 1",
            "fanpiao_http_requests_total{method=\"GET\",path=\"/api/v1/meals\",status=\"2xx\"} 2",
            "fanpiao_http_requests_total{method=\"GET\",path=\"/api/v1/meals\",status=\"4xx\"} 1",
            "fanpiao_http_requests_total{method=\"*\",path=\"unknown\",status=\"4xx\"} 1",
            "fanpiao_http_request_seconds_bucket{method=\"GET\",path=\"/api/v1/meals\",le=\"0.0005\"} 0",
            "fanpiao_http_request_seconds_bucket{method=\"GET\",path=\"/api/v1/meals\",le=\"0.001\"} 2",
            "fanpiao_http_request_seconds_bucket{method=\"GET\",path=\"/api/v1/meals\",le=\"10\"} 2",
            "fanpiao_http_request_seconds_bucket{method=\"GET\",path=\"/api/v1/meals\",le=\"+Inf\"} 3",
            "fanpiao_http_request_seconds_sum{method=\"GET\",path=\"/api/v1/meals\"} 60.001700",
        ] {
            assert!(page.lines().any(|written| written == line), "{line} is missing in\n{page}");
        }
    }
}
