use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{Cents, Code, Instant, Meal, MealOption, Noun, OutOfRange, Permission, Refusal};
use service::Vault;
use sheets::{Cell, Column};
use store::queries;
use store::queries::exports::{OrderOfMeal, Stream};

use super::MealPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::endpoints::orders::option_names;
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::texts::{self, Language};

/// The file is read by the house, whatever language the program asks for.
const LANGUAGE: Language = Language::Chinese;

const SHEETS: [&str; 4] = ["餐次概况", "订单详情", "选项统计", "用户统计"];
const OVERVIEW: usize = 0;
const ORDERS: usize = 1;
const OPTIONS: usize = 2;
const MEMBERS: usize = 3;

const OVERVIEW_COLUMNS: [Column<'static>; 2] = [Column::new("项目", 16), Column::new("数值", 40)];
const ORDER_COLUMNS: [Column<'static>; 11] = [
    Column::new("订单ID", 18),
    Column::new("用户昵称", 20),
    Column::new("用户ID", 12),
    Column::new("订单数量", 10),
    Column::new("总价(元)", 12),
    Column::new("订单时间", 20),
    Column::new("备注", 30),
    Column::new("状态", 10),
    Column::new("选择的选项", 30),
    Column::new("选项总价(元)", 14),
    Column::new("基础价格(元)", 14),
];
const OPTION_COLUMNS: [Column<'static>; 6] = [
    Column::new("选项名称", 24),
    Column::new("选择次数", 10),
    Column::new("总份数", 10),
    Column::new("总收入(元)", 14),
    Column::new("平均单价(元)", 14),
    Column::new("选择用户数", 12),
];
const MEMBER_COLUMNS: [Column<'static>; 7] = [
    Column::new("用户昵称", 20),
    Column::new("用户ID", 12),
    Column::new("订单数量", 10),
    Column::new("订餐总份数", 12),
    Column::new("消费总额(元)", 14),
    Column::new("首次订单时间", 20),
    Column::new("最后订单时间", 20),
];
const HINT_COLUMNS: [Column<'static>; 1] = [Column::new("提示", 30)];

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::MealReadOrders,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/export",
            id: "exportMeal",
            tag: Tag::Meals,
            summary: "A meal's orders as a workbook",
            description: "Four sheets: the meal, its orders, what was chosen, and by whom. Orders that were canceled or refunded are \
                left out. A few files are made at a time; who comes then waits.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, _: Caller, input: Input<MealPath>) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let found = queries::exports::meal(app.store(), input.path.meal_id).await?;
    let (meal, orders) = found.ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let which = format!("{}_{}_{}", meal.date, meal.slot.as_str(), meal.id.get());
    let (zone, now) = (app.zone().clone(), app.service().now());
    let service = app.service().clone();
    let (name, plain_name) = (format!("餐次订单_{which}"), format!("meal_orders_{which}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, &meal, orders, now, service.vault()))
}

/// The sheets are written in the order in which they are known: what the first one sums up comes last.
fn write(
    out: Out,
    zone: TimeZone,
    meal: &Meal,
    mut orders: Stream<OrderOfMeal>,
    now: Instant,
    vault: &Vault,
) -> Written {
    let date = meal.date.start_in(&zone);
    let mut book = sheets::Workbook::new(out, zone, &SHEETS)?;
    let mut totals = Totals::default();

    if let Some(first) = orders.blocking_next()? {
        let mut sheet = book.sheet(ORDERS, &ORDER_COLUMNS)?;
        let mut next = Some(first);
        while let Some(order) = next {
            let openid = order.openid.as_ref().map(|openid| vault.openid_tail(openid)).transpose();
            let openid = openid.map_err(|failure| format!("{failure:?}"))?;
            order_row(&mut sheet, &order, openid.as_deref())?;
            totals.add(order, openid)?;
            next = orders.blocking_next()?;
        }
        sheet.end()?;
    } else {
        hint(&mut book, ORDERS, "暂无订单数据")?;
    }
    // The database's snapshot is not needed for the rest.
    drop(orders);

    if totals.options.is_empty() {
        hint(&mut book, OPTIONS, "暂无选项数据")?;
    } else {
        let mut sheet = book.sheet(OPTIONS, &OPTION_COLUMNS)?;
        totals.options.sort_by_key(|option| std::cmp::Reverse(option.chosen));
        for option in &totals.options {
            sheet.row(&[
                Cell::Text(&option.name),
                Cell::Integer(option.chosen),
                Cell::Integer(option.portions),
                Cell::Cents(option.revenue.get()),
                Cell::Cents(average(option.revenue, option.portions)),
                Cell::Integer(option.members),
            ])?;
        }
        sheet.end()?;
    }

    if totals.members.is_empty() {
        hint(&mut book, MEMBERS, "暂无用户数据")?;
    } else {
        let mut sheet = book.sheet(MEMBERS, &MEMBER_COLUMNS)?;
        totals.members.sort_by_key(|member| std::cmp::Reverse(member.spent));
        for member in &totals.members {
            let ordered_at = Cell::Moment(member.ordered_at.as_millis());
            sheet.row(&[
                nickname(&member.nickname),
                user_id(member.openid_tail.as_deref()),
                Cell::Integer(1),
                Cell::Integer(member.portions),
                Cell::Cents(member.spent.get()),
                ordered_at,
                ordered_at,
            ])?;
        }
        sheet.end()?;
    }

    let count = i64::try_from(totals.members.len())?;
    let description = match (meal.description.as_str(), &meal.title) {
        ("", Some(title)) => title.as_str(),
        (description, _) => description,
    };
    let mut sheet = book.sheet(OVERVIEW, &OVERVIEW_COLUMNS)?;
    for (what, value) in [
        ("餐次ID", Cell::Integer(meal.id.get())),
        ("日期", Cell::Day(date.as_millis())),
        ("时段", Cell::Text(texts::slot(meal.slot, LANGUAGE))),
        ("描述", Cell::Text(description)),
        ("总订单数", Cell::Integer(count)),
        ("总份数", Cell::Integer(totals.portions)),
        ("总收入(元)", Cell::Cents(totals.revenue.get())),
        // What an order costs on average, as this sheet has always said it; what a portion costs is in 选项统计.
        ("平均单价(元)", Cell::Cents(average(totals.revenue, count))),
        ("用户数量", Cell::Integer(count)),
        ("导出时间", Cell::Moment(now.as_millis())),
    ] {
        sheet.row(&[Cell::Text(what), value])?;
    }
    sheet.end()?;
    Ok(book.finish()?.end()?)
}

fn order_row(sheet: &mut sheets::Sheet<'_, Out>, order: &OrderOfMeal, openid_tail: Option<&str>) -> Written {
    let each = options_price(&order.options)?;
    let for_options = each.times(order.quantity)?;
    let names = option_names(&order.options);
    sheet.row(&[
        Cell::Integer(order.order.get()),
        nickname(&order.nickname),
        user_id(openid_tail),
        Cell::Integer(order.quantity.get()),
        Cell::Cents(order.total.get()),
        Cell::Moment(order.created_at.as_millis()),
        Cell::Text(order.notes.as_str()),
        Cell::Text(texts::order_status(order.status, LANGUAGE)),
        Cell::Text(&names),
        Cell::Cents(for_options.get()),
        Cell::Cents(order.total.minus(for_options)?.get()),
    ])?;
    Ok(())
}

fn hint(book: &mut sheets::Workbook<Out>, at: usize, text: &str) -> Written {
    let mut sheet = book.sheet(at, &HINT_COLUMNS)?;
    sheet.row(&[Cell::Text(text)])?;
    Ok(sheet.end()?)
}

fn nickname(text: &str) -> Cell<'_> {
    Cell::Text(if text.is_empty() { "未设置" } else { text })
}

fn user_id(openid_tail: Option<&str>) -> Cell<'_> {
    Cell::Text(openid_tail.unwrap_or("未绑定"))
}

fn options_price(options: &[MealOption]) -> Result<Cents, OutOfRange> {
    let plus = |sum: Cents, option: &MealOption| sum.plus(option.price_cents);
    options.iter().try_fold(Cents::ZERO, plus)
}

/// Rounded to the nearest cent, halves away from zero.
fn average(sum: Cents, portions: i64) -> i64 {
    if portions <= 0 {
        return 0;
    }
    let (sum, portions) = (i128::from(sum.get()), i128::from(portions));
    let half = if sum < 0 { -portions } else { portions };
    i64::try_from((2 * sum + half) / (2 * portions)).unwrap_or(0)
}

/// What grows while the orders go by.
#[derive(Default)]
struct Totals {
    portions: i64,
    revenue: Cents,
    /// In the order in which they first appeared. A meal has a hundred options at most, and seldom ten.
    options: Vec<OptionTotals>,
    /// A member has at most one order that stands for a meal, so each order is another member.
    members: Vec<MemberTotals>,
}

struct OptionTotals {
    name: String,
    chosen: i64,
    portions: i64,
    revenue: Cents,
    members: i64,
}

struct MemberTotals {
    nickname: Box<str>,
    openid_tail: Option<Box<str>>,
    portions: i64,
    spent: Cents,
    ordered_at: Instant,
}

impl Totals {
    fn add(&mut self, order: OrderOfMeal, openid_tail: Option<String>) -> Result<(), OutOfRange> {
        let portions = order.quantity.get();
        self.portions = self.portions.checked_add(portions).ok_or(OutOfRange)?;
        self.revenue = self.revenue.plus(order.total)?;
        for (at, option) in order.options.iter().enumerate() {
            let name = option.name.as_str();
            let known = self.options.iter().position(|known| known.name == name);
            let known = known.unwrap_or_else(|| {
                self.options.push(OptionTotals {
                    name: name.to_owned(),
                    chosen: 0,
                    portions: 0,
                    revenue: Cents::ZERO,
                    members: 0,
                });
                self.options.len() - 1
            });
            let totals = &mut self.options[known];
            totals.chosen += 1;
            totals.portions += portions;
            totals.revenue = totals.revenue.plus(option.price_cents.times(order.quantity)?)?;
            // Two options may have one name; who took both is still one member.
            let is_first = !order.options[..at].iter().any(|before| before.name.as_str() == name);
            totals.members += i64::from(is_first);
        }
        self.members.push(MemberTotals {
            nickname: order.nickname.into(),
            openid_tail: openid_tail.map(Into::into),
            portions,
            spent: order.total,
            ordered_at: order.created_at,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_rounded_to_the_nearest_cent() {
        for (sum, portions, expected) in [(0, 0, 0), (100, 3, 33), (200, 3, 67), (5, 2, 3), (-5, 2, -3), (-100, 3, -33)]
        {
            assert_eq!(average(Cents::new(sum), portions), expected, "{sum} / {portions}");
        }
    }
}
