//! The demo's house: three departments, two dozen members, a fortnight of meals and what was ordered of them, a shop with a round
//! that is nearly sold out, and three cabinets. Everything goes through the same commands as in earnest.

use kernel::{
    AddMember, AdjustTickets, CabinetCommand, Chosen, Command, CreateDepartment, CreateDevice, CreateMeal,
    CreateProduct, CreateRound, CreateStore, Date, Delivery, DepartmentCode, Device, DrawRound, DrawSecret, Goods,
    Grant, MealId, MealStep, MemberId, MenuOption, NewGrant, NoteDevice, Outcome, PayWith, Payer, PickupWindow,
    PlaceOrder, PlaceShopOrder, ProductId, Profile, Quantity, Refusal, Role, RoleGrant, RoundId, Scope, SetPlanogram,
    Shelf, ShopCommand, Slot, Step, StoreKind, StoreProperty,
};
use service::{Failure, Request, Service, hash_password, uuid};

use super::passwords::Passwords;
use crate::Problem;

pub(super) const ADMIN: &str = "admin";
pub(super) const DEPT_ADMIN: &str = "zhou.min";

const DEPARTMENTS: [(&str, &str, Payer); 3] =
    [("RD", "研发部", Payer::Member), ("SALES", "市场部", Payer::Department), ("OFFICE", "行政部", Payer::Member)];

const MEMBERS: [(&str, &str); 24] = [
    ("zhangwei", "张伟"),
    ("wangfang", "王芳"),
    ("lina", "李娜"),
    ("liuyang", "刘洋"),
    ("chenjing", "陈静"),
    ("yangfan", "杨帆"),
    ("zhaolei", "赵磊"),
    ("huangmin", "黄敏"),
    ("zhoujie", "周杰"),
    ("wuxia", "吴霞"),
    ("xugang", "徐刚"),
    ("sunli", "孙丽"),
    ("huming", "胡明"),
    ("zhuyan", "朱燕"),
    ("gaoqiang", "高强"),
    ("linlan", "林岚"),
    ("hejun", "何军"),
    ("guoying", "郭英"),
    ("mahui", "马辉"),
    ("luodan", "罗丹"),
    ("liangbo", "梁波"),
    ("songxue", "宋雪"),
    ("zhengtao", "郑涛"),
    ("xieting", "谢婷"),
];

const DISHES: [(&str, &str); 7] = [
    ("红烧牛肉饭", "牛肉、胡萝卜、时令青菜，米饭可续"),
    ("宫保鸡丁套餐", "微辣，配例汤"),
    ("清蒸鲈鱼", "少油少盐，配两样小菜"),
    ("番茄炒蛋盖饭", "家常口味"),
    ("麻婆豆腐", "中辣，可选素臊子"),
    ("香菇鸡汤面", "手擀面，可加面"),
    ("咖喱猪排饭", "现炸猪排"),
];

/// Name, name in English, description, price, stock, how many one member may have.
type Offer = (&'static str, &'static str, &'static str, i64, i64, Option<i64>);

const PRODUCTS: [Offer; 6] = [
    ("东北大米 5kg", "Rice, 5 kg", "当季新米，真空包装", 4_900, 40, Some(4)),
    ("土鸡蛋 30 枚", "Eggs, 30", "周二、周五到货", 3_600, 25, None),
    ("鲜榨豆浆", "Soy milk", "当日现磨，请当日饮用", 600, 60, None),
    ("手工水饺 1kg", "Dumplings, 1 kg", "猪肉白菜馅，冷冻", 2_800, 3, Some(2)),
    ("中秋月饼礼盒", "Mooncakes", "食堂点心房手作", 12_800, 12, Some(2)),
    ("保温饭盒", "Lunch box", "304 不锈钢，三层", 8_800, 5, None),
];

/// Code and name of each store, then code and name of its cabinets.
type Corner = (&'static str, &'static str, StoreKind, StoreProperty, &'static [(&'static str, &'static str)]);

const STORES: [Corner; 2] = [
    ("NS01", "南山店", StoreKind::Arcade, StoreProperty::Own, &[("NS01-A", "大堂柜"), ("NS01-B", "二楼柜")]),
    ("FT01", "福田店", StoreKind::Sports, StoreProperty::Franchise, &[("FT01-A", "球馆柜")]),
];

/// Code, which of the products it is, price, stock.
const PLANOGRAM: [(&str, usize, i64, i64); 3] =
    [("SOYMILK", 2, 600, 24), ("DUMPLING", 3, 2_900, 8), ("LUNCHBOX", 5, 8_800, 4)];
const TICKETS: i64 = 20_000;

/// What the texts of the cabinets' QR codes are.
pub(super) fn cabinet_qrs() -> Vec<String> {
    let codes = STORES.iter().flat_map(|(.., devices)| devices.iter().map(|(code, _)| *code));
    codes.map(|code| format!("{}{code}", Device::QR)).collect()
}

/// A world in which whoever opens a cabinet takes a soy milk.
pub(super) fn world() -> sim::Config {
    let (code, _, cents, _) = PLANOGRAM[0];
    let basket = sim::Basket { product_code: code.to_owned(), quantity: 1, unit_price_cents: cents };
    let settings =
        sim::Settings { cabinet_trip_after_s: Some(3), cabinet_basket: vec![basket], ..sim::Settings::default() };
    sim::Config { settings, ..sim::Config::default() }
}

/// Names for codes that the simulated WeChat understands, with the nicknames they belong to.
pub(super) fn members() -> impl Iterator<Item = (&'static str, &'static str)> {
    MEMBERS.into_iter()
}

/// Fills an empty house; one that was filled before stays as it is.
pub(super) async fn fill(service: &Service, passwords: &Passwords) -> Result<(), Problem> {
    if add(service, ADMIN, "系统管理员", None, &passwords.admin, admin_grant()).await?.is_none() {
        return Ok(());
    }
    for (code, name, pays) in DEPARTMENTS {
        let department = CreateDepartment { code: text(code)?, name: text(name)?, pays };
        run(service, Command::CreateDepartment(department)).await?;
    }
    let (first, ..) = DEPARTMENTS[0];
    let own = NewGrant::InOwnDepartment(Role::DeptAdmin.code());
    add(service, DEPT_ADMIN, "周敏", Some(first), &passwords.dept_admin, own).await?;
    let members = add_members(service).await?;
    add_meals(service, &members).await?;
    add_shop(service, &members).await
}

fn admin_grant() -> NewGrant {
    NewGrant::As(RoleGrant { role: Role::Admin.code(), scope: Scope::Everywhere })
}

async fn add_members(service: &Service) -> Result<Vec<MemberId>, Problem> {
    let mut ids = Vec::with_capacity(MEMBERS.len());
    for (at, (name, nickname)) in MEMBERS.into_iter().enumerate() {
        let (code, ..) = DEPARTMENTS[at % DEPARTMENTS.len()];
        let openid = service.vault().seal_openid(&sim::mini::openid_of(name));
        let openid = openid.map_err(|failure| format!("an openid is not sealed: {failure:?}"))?;
        let command = AddMember {
            profile: Profile { uid: uuid(service.ambient()), nickname: nickname.to_owned() },
            account: None,
            password_hash: None,
            openid: Some(openid),
            department: Some(text::<DepartmentCode>(code)?),
            overdraft_limit: None,
            grants: Vec::new(),
        };
        let Outcome::Member { member } = run(service, Command::AddMember(command)).await? else {
            return Err("adding a member answered something else".to_owned());
        };
        let amount = price(60_000 + 7_500 * (at as i64 % 7))?;
        run(service, Command::Grant(Grant { member: member.id, amount, reason: text("开户充值")? })).await?;
        ids.push(member.id);
    }
    Ok(ids)
}

/// Three days back, ten days ahead; the past is completed, today and the next week can be ordered, the rest is in draft.
async fn add_meals(service: &Service, members: &[MemberId]) -> Result<(), Problem> {
    let today = service.now().date_in(service.zone());
    for day in -3..=10 {
        for slot in Slot::ALL {
            let meal = add_meal(service, today.plus_days(day), slot, day).await?;
            if day <= 4 {
                order(service, meal, members, day, slot).await?;
            }
            if day < 0 {
                for step in [Step::Lock, Step::Complete] {
                    run(service, Command::MealStep(MealStep { meal, step })).await?;
                }
            }
        }
    }
    Ok(())
}

async fn add_meal(service: &Service, date: Date, slot: Slot, day: i32) -> Result<MealId, Problem> {
    let (at, base, capacity) = match slot {
        Slot::Breakfast => (3, 800, 30),
        Slot::Lunch => (0, 1_800, 40),
        Slot::Dinner => (5, 2_200, 20),
    };
    let (title, description) = DISHES[(day + 3 + at) as usize % DISHES.len()];
    let option =
        |name: &str, cents| Ok::<_, Problem>(MenuOption { id: None, name: text(name)?, price_cents: price(cents)? });
    let command = CreateMeal {
        date,
        slot,
        title: Some(text(title)?),
        description: text(description)?,
        base_price: price(base)?,
        capacity,
        options: vec![option("加卤蛋", 200)?, option("加饭", 100)?, option("不要米饭", -100)?],
        orders_close_at: None,
        pickup_windows: windows(slot)?,
        publish: day <= 7,
    };
    match run(service, Command::CreateMeal(command)).await? {
        Outcome::Meal(meal) => Ok(meal.meal.id),
        other => Err(format!("creating a meal answered {other:?}")),
    }
}

/// At lunch everybody comes at once.
fn windows(slot: Slot) -> Result<Vec<PickupWindow>, Problem> {
    if slot != Slot::Lunch {
        return Ok(Vec::new());
    }
    let window = |text: &str| PickupWindow::try_from(text.to_owned()).map_err(|error| format!("{text}: {error}"));
    Ok(vec![window("11:30-12:00")?, window("12:00-12:30")?])
}

async fn order(service: &Service, meal: MealId, members: &[MemberId], day: i32, slot: Slot) -> Result<(), Problem> {
    let windows = windows(slot)?;
    for (at, &member) in members.iter().enumerate() {
        // Fewer and fewer people have ordered the further ahead it is.
        if (at as i32 * 5 + day + slot as i32 * 3).rem_euclid(7) <= day.max(0) + 1 {
            continue;
        }
        let options =
            if at % 4 == 0 { vec![Chosen { id: kernel::OptionId::Number(1 + at as i64 % 3) }] } else { Vec::new() };
        let quantity = if at % 11 == 0 { 2 } else { 1 };
        let quantity = Quantity::try_from(quantity).map_err(|error| error.to_string())?;
        let pickup_window = windows.get(at % 3).copied();
        let notes = text(if at % 9 == 0 { "少辣" } else { "" })?;
        let command = PlaceOrder { member, meal, quantity, options, notes, pickup_window };
        match service.run(Request::by_house(Command::PlaceOrder(command))).await {
            Ok(_) | Err(Failure::Refused(Refusal::CapacityExceeded { .. })) => {}
            Err(failure) => return Err(format!("the demo's data: {failure:?}")),
        }
    }
    Ok(())
}

/// Things to buy, some of them bought; a round that was drawn, and one that wants three more buyers.
async fn add_shop(service: &Service, members: &[MemberId]) -> Result<(), Problem> {
    let mut products = Vec::with_capacity(PRODUCTS.len());
    for (zh, en, description, cents, stock, limit) in PRODUCTS {
        products.push(add_product(service, (zh, en, description), cents, stock, limit).await?);
    }
    for (at, &member) in members.iter().enumerate().step_by(3) {
        let goods = Goods::Pieces { product: products[at / 3 % 3] };
        buy(service, member, goods, 1 + at as i64 % 2, PayWith::Balance).await?;
    }
    let (mooncakes, boxes) = (products[4], products[5]);
    let drawn = add_round(service, boxes, 8, 1_200).await?;
    for &member in &members[..8] {
        buy(service, member, Goods::Shares { round: drawn }, 1, PayWith::Balance).await?;
    }
    run(service, Command::Shop(ShopCommand::DrawRound(DrawRound { round: drawn, product: boxes }))).await?;
    let open = add_round(service, mooncakes, 20, 800).await?;
    for &member in &members[3..20] {
        buy(service, member, Goods::Shares { round: open }, 1, PayWith::Balance).await?;
    }
    // Somebody thinks it over; half an hour later it is free again.
    buy(service, members[1], Goods::Pieces { product: mooncakes }, 1, PayWith::Wechat).await?;
    add_cabinets(service, members, &products).await
}

/// Two stores with three cabinets, two of them online, and tickets for every third member.
async fn add_cabinets(service: &Service, members: &[MemberId], products: &[ProductId]) -> Result<(), Problem> {
    for (code, name, kind, property, devices) in STORES {
        let (address, phone) = (text("")?, text("")?);
        let store = CreateStore { code: text(code)?, name: text(name)?, kind, property, address, phone };
        let Outcome::Store { store } = cabinet(service, CabinetCommand::CreateStore(store)).await? else {
            return Err("adding a store answered something else".to_owned());
        };
        for &(code, name) in devices {
            let device = CreateDevice { code: text(code)?, name: text(name)?, store: store.id };
            let Outcome::Device { device } = cabinet(service, CabinetCommand::CreateDevice(device)).await? else {
                return Err("adding a cabinet answered something else".to_owned());
            };
            let mut shelves = Vec::with_capacity(PLANOGRAM.len());
            for (code, at, cents, stock) in PLANOGRAM {
                shelves.push(Shelf {
                    code: text(code)?,
                    product: products[at],
                    price: price(cents)?,
                    stock: Some(stock),
                });
            }
            cabinet(
                service,
                CabinetCommand::SetPlanogram(SetPlanogram {
                    device: device.id,
                    shelves,
                    seen: device.planogram_version,
                }),
            )
            .await?;
            let note = NoteDevice { device: device.id, is_online: code != "NS01-B", at: service.now() };
            cabinet(service, CabinetCommand::NoteDevice(note)).await?;
        }
    }
    for &member in members.iter().step_by(3) {
        let tickets = AdjustTickets { member, amount: TICKETS, reason: text("开业活动")? };
        cabinet(service, CabinetCommand::AdjustTickets(tickets)).await?;
    }
    Ok(())
}

async fn cabinet(service: &Service, command: CabinetCommand) -> Result<Outcome, Problem> {
    run(service, Command::Cabinet(command)).await
}

async fn add_product(
    service: &Service,
    (zh, en, description): (&str, &str, &str),
    cents: i64,
    stock: i64,
    limit: Option<i64>,
) -> Result<ProductId, Problem> {
    let command = ShopCommand::CreateProduct(CreateProduct {
        name_zh: text(zh)?,
        name_en: Some(text(en)?),
        description: text(description)?,
        price: price(cents)?,
        member_limit: limit.map(Quantity::try_from).transpose().map_err(|error| error.to_string())?,
        on_sale: true,
        stock,
    });
    match run(service, Command::Shop(command)).await? {
        Outcome::Product(made) => Ok(made.product.id),
        other => Err(format!("creating a product answered {other:?}")),
    }
}

async fn add_round(service: &Service, product: ProductId, shares: i64, cents: i64) -> Result<RoundId, Problem> {
    let mut secret = DrawSecret::default();
    service.ambient().fill(&mut secret.0);
    let command = ShopCommand::CreateRound(CreateRound {
        product,
        shares,
        share_price: price(cents)?,
        member_limit: Some(Quantity::try_from(5).map_err(|error| error.to_string())?),
        opens_at: service.now(),
        closes_at: service.now().plus_millis(7 * 24 * 3_600_000),
        secret,
    });
    match run(service, Command::Shop(command)).await? {
        Outcome::Round(made) => Ok(made.round.id),
        other => Err(format!("creating a round answered {other:?}")),
    }
}

async fn buy(
    service: &Service,
    member: MemberId,
    goods: Goods,
    quantity: i64,
    pay_with: PayWith,
) -> Result<(), Problem> {
    let quantity = Quantity::try_from(quantity).map_err(|error| error.to_string())?;
    let (delivery, notes) = (Delivery::PickUp, text("")?);
    let order = PlaceShopOrder { member, goods, quantity, pay_with, delivery, notes };
    run(service, Command::Shop(ShopCommand::Place(order))).await.map(drop)
}

/// Nothing where the account exists already.
async fn add(
    service: &Service,
    account: &str,
    nickname: &str,
    department: Option<&str>,
    password: &str,
    grant: NewGrant,
) -> Result<Option<MemberId>, Problem> {
    let command = Command::AddMember(AddMember {
        profile: Profile { uid: uuid(service.ambient()), nickname: nickname.to_owned() },
        account: Some(text(account)?),
        password_hash: Some(hash_password(service.ambient(), password.to_owned()).await),
        openid: None,
        department: department.map(text).transpose()?,
        overdraft_limit: None,
        grants: vec![grant],
    });
    match service.run(Request::by_house(command)).await {
        Ok(Outcome::Member { member }) => Ok(Some(member.id)),
        Err(Failure::Refused(Refusal::AccountTaken { .. })) => Ok(None),
        other => Err(format!("the demo's data: {other:?}")),
    }
}

async fn run(service: &Service, command: Command) -> Result<Outcome, Problem> {
    service.run(Request::by_house(command)).await.map_err(|failure| format!("the demo's data: {failure:?}"))
}

fn text<T: TryFrom<String, Error = kernel::InvalidText>>(text: &str) -> Result<T, Problem> {
    T::try_from(text.to_owned()).map_err(|error| format!("{text:?} {error}"))
}

fn price(cents: i64) -> Result<kernel::Price, Problem> {
    cents.try_into().map_err(|error: kernel::OutOfRange| error.to_string())
}
