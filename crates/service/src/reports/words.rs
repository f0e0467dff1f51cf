//! What people read of a report in their groups: a few lines, and where the rest is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kernel::{Cents, DailyFigures, ExceptionFigures, Figures, HealthFigures, Instant, MealFigures, Report};

use crate::{AlertLanguage, Alerts};

pub(super) fn text(report: &Report, alerts: &Alerts, zone: &TimeZone) -> String {
    let language = alerts.language;
    let (title, lines) = match &report.figures {
        Figures::Daily(figures) => (language.pick("饭票日报", "Fanpiao daily report"), daily(figures, language)),
        Figures::Exceptions(figures) => {
            (language.pick("饭票异常报告", "Fanpiao exception report"), exceptions(figures, language))
        }
        Figures::Health(figures) => {
            (language.pick("饭票健康报告", "Fanpiao health report"), health(figures, language, zone))
        }
    };
    let (kind, date) = (report.kind.as_str(), report.date);
    let link = alerts.console_url.as_ref().map(|url| format!("\n{url}/reports/{kind}/{date}"));
    format!("{title} {date}\n{}{}", lines.join("\n"), link.unwrap_or_default())
}

fn daily(figures: &DailyFigures, language: AlertLanguage) -> Vec<String> {
    let DailyFigures { meals, shop, cabinets, topups, refunds, wallets } = figures;
    let sum = |of: fn(&MealFigures) -> i64| meals.iter().map(of).sum::<i64>();
    let (orders, portions) = (sum(|meal| meal.orders), sum(|meal| meal.portions));
    let revenue = Cents::new(sum(|meal| meal.revenue_cents.get()));
    let no_shows = sum(|meal| meal.no_shows.unwrap_or(0));
    let percent = topups.success_percent.map_or("—".to_owned(), |percent| format!("{percent}%"));
    let tickets = wallets.tickets.get();
    match language {
        AlertLanguage::Chinese => vec![
            format!("餐次：{orders} 单 {portions} 份，收入 {revenue} 元，未取餐 {no_shows}"),
            format!("商城：{} 单，已付 {} 单 {} 元", shop.orders, shop.paid, shop.revenue_cents),
            format!(
                "柜机：开门 {} 次，销售 {} 元，异常 {}",
                cabinets.openings, cabinets.sales_cents, cabinets.exceptions
            ),
            format!("充值：成功 {} 笔 {} 元，成功率 {percent}", topups.paid, topups.paid_cents),
            format!("退款：{} 笔 {} 元", refunds.count, refunds.amount_cents),
            format!("钱包：余额 {} 元，透支 {} 元，礼票 {tickets}", wallets.members_cents, wallets.overdrawn_cents),
        ],
        AlertLanguage::English => vec![
            format!("Meals: {orders} orders, {portions} portions, {revenue} yuan, {no_shows} no-shows"),
            format!("Shop: {} orders, {} paid, {} yuan", shop.orders, shop.paid, shop.revenue_cents),
            format!(
                "Cabinets: {} openings, {} yuan sold, {} exceptions",
                cabinets.openings, cabinets.sales_cents, cabinets.exceptions
            ),
            format!("Top-ups: {} paid, {} yuan, {percent} succeed", topups.paid, topups.paid_cents),
            format!("Refunds: {}, {} yuan", refunds.count, refunds.amount_cents),
            format!(
                "Wallets: {} yuan, overdrawn {} yuan, {tickets} tickets",
                wallets.members_cents, wallets.overdrawn_cents
            ),
        ],
    }
}

fn exceptions(figures: &ExceptionFigures, language: AlertLanguage) -> Vec<String> {
    let ExceptionFigures { open, overdue, waiting, raised, settled } = figures;
    let raised: i64 = raised.iter().map(|raised| raised.count).sum();
    let settled: i64 = settled.iter().map(|settled| settled.count).sum();
    let nobodys = waiting.iter().filter(|waiting| waiting.owner_id.is_none()).count();
    match language {
        AlertLanguage::Chinese => vec![
            format!("待处理 {open}（超期 {overdue}，无人负责 {nobodys}）"),
            format!("当日新增 {raised}，处理 {settled}"),
        ],
        AlertLanguage::English => vec![
            format!("{open} open ({overdue} overdue, {nobodys} nobody's)"),
            format!("{raised} raised on the day, {settled} settled"),
        ],
    }
}

fn health(figures: &HealthFigures, language: AlertLanguage, zone: &TimeZone) -> Vec<String> {
    let HealthFigures { jobs, waiting, servers, alerts, findings, .. } = figures;
    let (runs, failed): (i64, i64) = (jobs.iter().map(|job| job.runs).sum(), jobs.iter().map(|job| job.failed).sum());
    let (fired, firing): (i64, i64) =
        (alerts.iter().map(|alert| alert.fired).sum(), alerts.iter().map(|alert| alert.firing).sum());
    let at = |at: Option<Instant>| {
        at.map_or("—".to_owned(), |at| {
            let at = Timestamp::from_millisecond(at.as_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
            zone.to_datetime(at).strftime("%m-%d %H:%M").to_string()
        })
    };
    let (backup, books) = (at(figures.backup_at), at(figures.books_at));
    match language {
        AlertLanguage::Chinese => vec![
            format!("任务：运行 {runs} 次，失败 {failed} 次"),
            format!("告警：触发 {fired}，仍在 {firing}"),
            format!("积压消息 {waiting}，在线服务器 {servers}"),
            format!("最近备份 {backup}，最近对账 {books}，发现 {findings}"),
        ],
        AlertLanguage::English => vec![
            format!("Jobs: {runs} runs, {failed} failed"),
            format!("Alerts: {fired} fired, {firing} still fire"),
            format!("{waiting} messages wait, {servers} servers"),
            format!("Last backup {backup}, last check of the books {books}, {findings} findings"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use kernel::{ExceptionKind, JobFigures, MemberId, RaisedExceptions, ReportId, ReportKind, WaitingException};

    use super::*;

    #[test]
    fn a_text_is_short_and_says_where_the_rest_is() {
        let at: Instant = "2026-03-01T23:30:00Z".parse().expect("an instant");
        let waiting = |owner_id| WaitingException {
            exception_id: 1,
            exception_kind: ExceptionKind::PaidTwice,
            subject: "x".to_owned(),
            since: at,
            due_at: at,
            owner_id,
        };
        let figures = Figures::Exceptions(ExceptionFigures {
            open: 2,
            overdue: 1,
            waiting: vec![waiting(None), waiting(Some(MemberId::new(1)))],
            raised: vec![RaisedExceptions { exception_kind: ExceptionKind::PaidTwice, count: 2 }],
            settled: Vec::new(),
        });
        let date = "2026-03-01".parse().expect("a date");
        let report = Report { id: ReportId::new(1), kind: figures.kind(), date, figures, made_at: at };
        let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
        let mut alerts = Alerts::default();
        assert_eq!(
            text(&report, &alerts, &zone),
            "饭票异常报告 2026-03-01\n待处理 2（超期 1，无人负责 1）\n当日新增 2，处理 0"
        );
        alerts.language = AlertLanguage::English;
        alerts.console_url = Some("https://fanpiao.example.com/admin".to_owned());
        assert_eq!(
            text(&report, &alerts, &zone),
            "Fanpiao exception report 2026-03-01\n2 open (1 overdue, 1 nobody's)\n2 raised on the day, 0 settled\n\
             https://fanpiao.example.com/admin/reports/exceptions/2026-03-01"
        );
        let health = HealthFigures {
            jobs: vec![JobFigures { job: "x".to_owned(), runs: 9, failed: 1 }],
            waiting: 3,
            waiting_since: Some(at),
            servers: 2,
            counted: Vec::new(),
            alerts: Vec::new(),
            backup_at: Some(at),
            books_at: None,
            findings: 0,
        };
        let report = Report { kind: ReportKind::Health, figures: Figures::Health(health), ..report };
        assert_eq!(
            text(&report, &Alerts::default(), &zone),
            "饭票健康报告 2026-03-01\n任务：运行 9 次，失败 1 次\n告警：触发 0，仍在 0\n积压消息 3，在线服务器 2\n\
             最近备份 03-02 07:30，最近对账 —，发现 0"
        );
    }
}
