use std::collections::BTreeMap;

use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{
    Code, DailyFigures, ExceptionFigures, Figures, HealthFigures, Instant, MemberId, Noun, Permission, Refusal, Report,
    ReportKind,
};
use service::AlertLanguage;
use sheets::{Cell, Column};
use store::queries;

use super::ReportPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::texts::{self, Language};

/// The file is read by the house, whatever language the program asks for.
const LANGUAGE: Language = Language::Chinese;
const ALERTS: AlertLanguage = AlertLanguage::Chinese;

const OVERVIEW: [Column<'static>; 2] = [Column::new("项目", 30), Column::new("数值", 22)];
const MEALS: [Column<'static>; 5] = [
    Column::new("时段", 10),
    Column::new("订单数", 10),
    Column::new("份数", 10),
    Column::new("收入(元)", 14),
    Column::new("未取餐", 10),
];
const WAITING: [Column<'static>; 6] = [
    Column::new("异常单ID", 18),
    Column::new("类型", 18),
    Column::new("对象", 36),
    Column::new("发生时间", 20),
    Column::new("处理期限", 20),
    Column::new("负责人", 20),
];
const RAISED: [Column<'static>; 2] = [Column::new("类型", 18), Column::new("数量", 10)];
const SETTLED: [Column<'static>; 3] = [Column::new("类型", 18), Column::new("处理方式", 18), Column::new("数量", 10)];
const JOBS: [Column<'static>; 3] = [Column::new("任务", 30), Column::new("运行", 10), Column::new("失败", 10)];
const FIRED: [Column<'static>; 3] = [Column::new("告警规则", 26), Column::new("触发", 10), Column::new("仍在", 10)];
const COUNTED: [Column<'static>; 2] = [Column::new("计数", 26), Column::new("次数", 10)];

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ReportRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/reports/{kind}/{date}/export",
            id: "exportReport",
            tag: Tag::Operation,
            summary: "One report as a workbook",
            description: "The same figures, with a sheet for each list. A few files are made at a time; who comes then waits.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<ReportPath>) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let ReportPath { kind, date } = input.path;
    let report = queries::reports::one(app.store(), kind, date).await?;
    let report = report.ok_or(Refusal::NotFound { noun: Noun::Report })?;
    let owners = match kind {
        ReportKind::Exceptions => queries::reports::owners(app.store()).await?.into_iter().collect(),
        ReportKind::Daily | ReportKind::Health => BTreeMap::new(),
    };
    let title = match kind {
        ReportKind::Daily => "日报",
        ReportKind::Exceptions => "异常报告",
        ReportKind::Health => "健康报告",
    };
    let (name, plain_name) = (format!("{title}_{date}"), format!("{}_report_{date}", kind.as_str()));
    let zone = app.zone().clone();
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, &report, &owners))
}

fn write(out: Out, zone: TimeZone, report: &Report, owners: &BTreeMap<MemberId, String>) -> Written {
    let about = [
        ("日期", Cell::Day(report.date.start_in(&zone).as_millis())),
        ("生成时间", Cell::Moment(report.made_at.as_millis())),
    ];
    let book = match &report.figures {
        Figures::Daily(figures) => daily(sheets::Workbook::new(out, zone, &["概况", "餐次"])?, about, figures)?,
        Figures::Exceptions(figures) => {
            let names = ["概况", "待处理", "新增", "已处理"];
            exceptions(sheets::Workbook::new(out, zone, &names)?, about, figures, owners)?
        }
        Figures::Health(figures) => {
            health(sheets::Workbook::new(out, zone, &["概况", "任务", "告警", "计数"])?, about, figures)?
        }
    };
    Ok(book.finish()?.end()?)
}

type Book = sheets::Workbook<Out>;
type About<'a> = [(&'a str, Cell<'a>); 2];

fn daily(mut book: Book, about: About<'_>, figures: &DailyFigures) -> Result<Book, sheets::Error> {
    let DailyFigures { meals, shop, cabinets, topups, refunds, wallets } = figures;
    let lines = [
        ("商城订单", Cell::Integer(shop.orders)),
        ("商城已付订单", Cell::Integer(shop.paid)),
        ("商城收入(元)", Cell::Cents(shop.revenue_cents.get())),
        ("商城超时订单", Cell::Integer(shop.expired)),
        ("商城取消订单", Cell::Integer(shop.cancelled)),
        ("柜机开门", Cell::Integer(cabinets.openings)),
        ("柜机待审核", Cell::Integer(cabinets.held)),
        ("柜机订单", Cell::Integer(cabinets.orders)),
        ("柜机销售(元)", Cell::Cents(cabinets.sales_cents.get())),
        ("柜机已付(元)", Cell::Cents(cabinets.paid_cents.get())),
        ("柜机异常", Cell::Integer(cabinets.exceptions)),
        ("充值成功", Cell::Integer(topups.paid)),
        ("充值金额(元)", Cell::Cents(topups.paid_cents.get())),
        ("充值未成功", Cell::Integer(topups.unpaid)),
        ("充值待支付", Cell::Integer(topups.pending)),
        ("充值成功率(%)", topups.success_percent.map_or(Cell::Empty, Cell::Integer)),
        ("退款", Cell::Integer(refunds.count)),
        ("退款金额(元)", Cell::Cents(refunds.amount_cents.get())),
        ("用户余额(元)", Cell::Cents(wallets.members_cents.get())),
        ("用户透支(元)", Cell::Cents(wallets.overdrawn_cents.get())),
        ("透支用户", Cell::Integer(wallets.overdrawn_members)),
        ("部门余额(元)", Cell::Cents(wallets.departments_cents.get())),
        ("礼票", Cell::Integer(wallets.tickets.get())),
    ];
    overview(&mut book, about, &lines)?;
    sheet(&mut book, 1, &MEALS, meals, |meal| {
        [
            Cell::Text(texts::slot(meal.slot, LANGUAGE)),
            Cell::Integer(meal.orders),
            Cell::Integer(meal.portions),
            Cell::Cents(meal.revenue_cents.get()),
            meal.no_shows.map_or(Cell::Empty, Cell::Integer),
        ]
    })?;
    Ok(book)
}

fn exceptions(
    mut book: Book,
    about: About<'_>,
    figures: &ExceptionFigures,
    owners: &BTreeMap<MemberId, String>,
) -> Result<Book, sheets::Error> {
    let ExceptionFigures { open, overdue, waiting, raised, settled } = figures;
    overview(&mut book, about, &[("待处理", Cell::Integer(*open)), ("其中超期", Cell::Integer(*overdue))])?;
    sheet(&mut book, 1, &WAITING, waiting, |exception| {
        let owner = exception.owner_id.and_then(|owner| owners.get(&owner));
        [
            Cell::Integer(exception.exception_id),
            Cell::Text(texts::exception_kind(exception.exception_kind, LANGUAGE)),
            Cell::Text(&exception.subject),
            Cell::Moment(exception.since.as_millis()),
            Cell::Moment(exception.due_at.as_millis()),
            owner.map_or(Cell::Empty, |owner| Cell::Text(owner)),
        ]
    })?;
    sheet(&mut book, 2, &RAISED, raised, |raised| {
        [Cell::Text(texts::exception_kind(raised.exception_kind, LANGUAGE)), Cell::Integer(raised.count)]
    })?;
    sheet(&mut book, 3, &SETTLED, settled, |settled| {
        [
            Cell::Text(texts::exception_kind(settled.exception_kind, LANGUAGE)),
            Cell::Text(texts::exception_action(settled.action, LANGUAGE)),
            Cell::Integer(settled.count),
        ]
    })?;
    Ok(book)
}

fn health(mut book: Book, about: About<'_>, figures: &HealthFigures) -> Result<Book, sheets::Error> {
    let moment = |at: Option<Instant>| at.map_or(Cell::Empty, |at| Cell::Moment(at.as_millis()));
    let lines = [
        ("积压消息", Cell::Integer(figures.waiting)),
        ("最早应投递", moment(figures.waiting_since)),
        ("在线服务器", Cell::Integer(figures.servers)),
        ("最近备份", moment(figures.backup_at)),
        ("最近对账检查", moment(figures.books_at)),
        ("检查发现", Cell::Integer(figures.findings)),
    ];
    overview(&mut book, about, &lines)?;
    sheet(&mut book, 1, &JOBS, &figures.jobs, |job| {
        [Cell::Text(&job.job), Cell::Integer(job.runs), Cell::Integer(job.failed)]
    })?;
    sheet(&mut book, 2, &FIRED, &figures.alerts, |alert| {
        [Cell::Text(ALERTS.rule(alert.rule)), Cell::Integer(alert.fired), Cell::Integer(alert.firing)]
    })?;
    sheet(&mut book, 3, &COUNTED, &figures.counted, |counted| {
        [Cell::Text(ALERTS.rule(counted.rule)), Cell::Integer(counted.count)]
    })?;
    Ok(book)
}

fn overview(book: &mut Book, about: About<'_>, lines: &[(&str, Cell<'_>)]) -> Result<(), sheets::Error> {
    let lines: Vec<_> = about.iter().chain(lines).copied().collect();
    sheet(book, 0, &OVERVIEW, &lines, |&(what, value)| [Cell::Text(what), value])
}

fn sheet<'a, T, const N: usize>(
    book: &mut Book,
    at: usize,
    columns: &[Column<'_>; N],
    rows: &'a [T],
    cells: impl Fn(&'a T) -> [Cell<'a>; N],
) -> Result<(), sheets::Error> {
    let mut sheet = book.sheet(at, columns)?;
    rows.iter().try_for_each(|row| sheet.row(&cells(row)))?;
    sheet.end()
}
