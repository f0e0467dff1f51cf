use std::collections::BTreeMap;

use axum::http::Method;
use jiff::tz::TimeZone;
use kernel::{
    Code, Date, DepartmentId, Meal, MealId, MealStatus, Note, Noun, OptionId, Permission, PickupWindow, Refusal, Slot,
    Title,
};
use schemars::JsonSchema;
use serde::Serialize;
use sheets::{Cell, Column};
use store::queries;
use store::queries::kitchen::{Alike, Named};

use super::MealPath;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::file::{Out, Turn, Workbook, Written};
use crate::reply::Reply;
use crate::texts::{self, Language};

/// More would not fit on the page that hangs in the kitchen.
const MOST_NOTES: i64 = 40;

const LANGUAGE: Language = Language::Chinese;
const SHEETS: [&str; 2] = ["备餐单", "部门明细"];
const PAGE_COLUMNS: [Column<'static>; 4] =
    [Column::new("类别", 12), Column::new("项目", 44), Column::new("订单数", 10), Column::new("份数", 10)];
const DETAIL_COLUMNS: [Column<'static>; 4] =
    [Column::new("部门", 24), Column::new("取餐时间", 14), Column::new("选项", 44), Column::new("份数", 10)];
const NO_DEPARTMENT: &str = "未分部门";
const ANY_TIME: &str = "不限时间";

/// What a meal needs, on one page: orders that stand, and nobody's name.
#[derive(Serialize, JsonSchema)]
struct KitchenView {
    meal_id: MealId,
    date: Date,
    slot: Slot,
    title: Option<Title>,
    description: Note,
    status: MealStatus,
    orders: i64,
    portions: i64,
    /// Orders that were handed out.
    redeemed_orders: i64,
    /// Once the meal is completed: orders that nobody came for.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_show_orders: Option<i64>,
    by_department: Vec<DepartmentNeeds>,
    by_option: Vec<OptionNeeds>,
    /// Portions of orders without any option.
    plain_portions: i64,
    by_window: Vec<WindowNeeds>,
    /// What members asked for, the most frequent first.
    notes: Vec<NoteNeeds>,
    /// Whether there are more notes than are shown.
    has_more_notes: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct DepartmentNeeds {
    /// Absent for members of no department.
    department_id: Option<DepartmentId>,
    name: Option<Title>,
    orders: i64,
    portions: i64,
    by_option: Vec<OptionNeeds>,
    plain_portions: i64,
    by_window: Vec<WindowNeeds>,
}

#[derive(Serialize, JsonSchema, Clone)]
struct OptionNeeds {
    id: OptionId,
    name: Title,
    portions: i64,
}

#[derive(Serialize, JsonSchema, Clone)]
struct WindowNeeds {
    /// Absent where the time was left open.
    window: Option<PickupWindow>,
    orders: i64,
    portions: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct NoteNeeds {
    notes: Note,
    portions: i64,
}

/// What some of the orders need together.
#[derive(Default)]
struct Sums {
    orders: i64,
    portions: i64,
    redeemed: i64,
    plain: i64,
    options: BTreeMap<(OptionId, Title), i64>,
    windows: BTreeMap<Option<PickupWindow>, (i64, i64)>,
}

impl Sums {
    fn add(&mut self, alike: &Alike) {
        self.orders += alike.orders;
        self.portions += alike.portions;
        self.redeemed += alike.redeemed;
        if alike.options.is_empty() {
            self.plain += alike.portions;
        }
        for option in &alike.options {
            *self.options.entry((option.id.clone(), option.name.clone())).or_default() += alike.portions;
        }
        let window = self.windows.entry(alike.window).or_default();
        *window = (window.0 + alike.orders, window.1 + alike.portions);
    }

    fn options(&self) -> Vec<OptionNeeds> {
        let needs = |((id, name), &portions): (&(OptionId, Title), _)| OptionNeeds {
            id: id.clone(),
            name: name.clone(),
            portions,
        };
        self.options.iter().map(needs).collect()
    }

    fn windows(&self) -> Vec<WindowNeeds> {
        let needs = |(&window, &(orders, portions)): (_, &(i64, i64))| WindowNeeds { window, orders, portions };
        self.windows.iter().map(needs).collect()
    }
}

impl KitchenView {
    fn new(meal: Meal, counts: &[Alike], notes: Vec<(Note, i64)>) -> Self {
        let mut all = Sums::default();
        // The counts come in the order of the departments' names.
        let mut departments: Vec<(Option<Named>, Sums)> = Vec::new();
        for alike in counts {
            all.add(alike);
            match departments.last_mut() {
                Some((department, sums)) if *department == alike.department => sums.add(alike),
                _ => {
                    let mut sums = Sums::default();
                    sums.add(alike);
                    departments.push((alike.department.clone(), sums));
                }
            }
        }
        let department = |(department, sums): (Option<Named>, Sums)| DepartmentNeeds {
            department_id: department.as_ref().map(|department| department.id),
            name: department.map(|department| department.name),
            orders: sums.orders,
            portions: sums.portions,
            by_option: sums.options(),
            plain_portions: sums.plain,
            by_window: sums.windows(),
        };
        let most = usize::try_from(MOST_NOTES).unwrap_or(usize::MAX);
        let has_more_notes = notes.len() > most;
        let note = |(notes, portions)| NoteNeeds { notes, portions };
        Self {
            meal_id: meal.id,
            date: meal.date,
            slot: meal.slot,
            title: meal.title,
            description: meal.description,
            status: meal.status,
            orders: all.orders,
            portions: all.portions,
            redeemed_orders: all.redeemed,
            no_show_orders: (meal.status == MealStatus::Completed).then_some(all.orders - all.redeemed),
            by_option: all.options(),
            plain_portions: all.plain,
            by_window: all.windows(),
            by_department: departments.into_iter().map(department).collect(),
            notes: notes.into_iter().take(most).map(note).collect(),
            has_more_notes,
        }
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::OrderRedeem,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/kitchen",
            id: "showKitchen",
            tag: Tag::Meals,
            summary: "What a meal needs",
            description: "Portions by department, by option and by pick-up time, and what members asked for: short enough for one \
                page. Orders that were canceled or refunded are left out. An order of an option counts under each of its options.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

pub(crate) fn export() -> Endpoint {
    Endpoint::needs(
        Permission::OrderRedeem,
        Declaration {
            method: Method::GET,
            path: "/api/v1/meals/{meal_id}/kitchen/export",
            id: "exportKitchen",
            tag: Tag::Meals,
            summary: "What a meal needs, as a workbook",
            description: "The page for the kitchen, and each department's portions by pick-up time and options.",
            codes: &[Code::NotFound],
        },
        handle_export,
    )
}

async fn read(app: &App, meal: MealId) -> Result<(KitchenView, Vec<Alike>), Failure> {
    let found = queries::meals::one(app.store(), meal).await?;
    let (meal, _) = found.ok_or(Refusal::NotFound { noun: Noun::Meal })?;
    let counts = queries::kitchen::counts(app.store(), meal.id).await?;
    let notes = queries::kitchen::notes(app.store(), meal.id, MOST_NOTES + 1).await?;
    Ok((KitchenView::new(meal, &counts, notes), counts))
}

async fn handle(app: App, _: Caller, input: Input<MealPath>) -> Result<Reply<KitchenView>, Failure> {
    Ok(Reply::ok(read(&app, input.path.meal_id).await?.0))
}

async fn handle_export(app: App, _: Caller, input: Input<MealPath>) -> Result<Workbook, Failure> {
    let turn = Turn::wait(&app).await?;
    let (view, counts) = read(&app, input.path.meal_id).await?;
    let which = format!("{}_{}_{}", view.date, view.slot.as_str(), view.meal_id.get());
    let zone = app.zone().clone();
    let (name, plain_name) = (format!("备餐单_{which}"), format!("kitchen_{which}"));
    Workbook::new(&app, turn, &name, &plain_name, move |out| write(out, zone, &view, &counts))
}

fn write(out: Out, zone: TimeZone, view: &KitchenView, counts: &[Alike]) -> Written {
    let mut book = sheets::Workbook::new(out, zone, &SHEETS)?;
    let mut page = book.sheet(0, &PAGE_COLUMNS)?;
    let time = |window: Option<PickupWindow>| window.map_or_else(|| ANY_TIME.to_owned(), |window| window.to_string());
    let title = view.title.as_ref().map_or("", Title::as_str);
    let meal = format!("{} {} {title}", view.date, texts::slot(view.slot, LANGUAGE));
    page.row(&[
        Cell::Text("合计"),
        Cell::Text(meal.trim_end()),
        Cell::Integer(view.orders),
        Cell::Integer(view.portions),
    ])?;
    page.row(&[Cell::Text("合计"), Cell::Text("已取餐"), Cell::Integer(view.redeemed_orders), Cell::Empty])?;
    if let Some(no_shows) = view.no_show_orders {
        page.row(&[Cell::Text("合计"), Cell::Text("未取餐"), Cell::Integer(no_shows), Cell::Empty])?;
    }
    for department in &view.by_department {
        let name = department.name.as_ref().map_or(NO_DEPARTMENT, Title::as_str);
        let (orders, portions) = (Cell::Integer(department.orders), Cell::Integer(department.portions));
        page.row(&[Cell::Text("部门"), Cell::Text(name), orders, portions])?;
    }
    for option in &view.by_option {
        let portions = Cell::Integer(option.portions);
        page.row(&[Cell::Text("选项"), Cell::Text(option.name.as_str()), Cell::Empty, portions])?;
    }
    page.row(&[Cell::Text("选项"), Cell::Text("无选项"), Cell::Empty, Cell::Integer(view.plain_portions)])?;
    for window in &view.by_window {
        let (orders, portions) = (Cell::Integer(window.orders), Cell::Integer(window.portions));
        page.row(&[Cell::Text("取餐时间"), Cell::Text(&time(window.window)), orders, portions])?;
    }
    for note in &view.notes {
        let portions = Cell::Integer(note.portions);
        page.row(&[Cell::Text("备注"), Cell::Text(note.notes.as_str()), Cell::Empty, portions])?;
    }
    if view.has_more_notes {
        page.row(&[Cell::Text("备注"), Cell::Text("更多备注见取餐名单"), Cell::Empty, Cell::Empty])?;
    }
    page.end()?;

    let mut detail = book.sheet(1, &DETAIL_COLUMNS)?;
    for alike in counts {
        let department = alike.department.as_ref().map_or(NO_DEPARTMENT, |department| department.name.as_str());
        let options = crate::endpoints::orders::option_names(&alike.options);
        let (time, portions) = (time(alike.window), Cell::Integer(alike.portions));
        detail.row(&[Cell::Text(department), Cell::Text(&time), Cell::Text(&options), portions])?;
    }
    detail.end()?;
    Ok(book.finish()?.end()?)
}
