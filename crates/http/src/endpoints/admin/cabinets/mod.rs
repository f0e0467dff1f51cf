//! What staff do with stores, cabinets and everybody's cabinet orders.

pub(crate) mod corrections;
pub(crate) mod create_device;
pub(crate) mod create_store;
pub(crate) mod devices;
pub(crate) mod edit_device;
pub(crate) mod edit_store;
pub(crate) mod erp_sales;
pub(crate) mod move_stock;
pub(crate) mod orders;
pub(crate) mod planogram;
pub(crate) mod qr;
pub(crate) mod sessions;
pub(crate) mod stores;

use std::collections::BTreeMap;

use kernel::{
    CabinetCommand, Cents, Code, Command, Device, DeviceCode, DeviceId, Instant, Note, Noun, Outcome, ProductCode,
    ProductId, Refusal, Shelved, Store, StoreCode, StoreId, StoreKind, StoreProperty, Title,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::queries::cabinets::{self as queries, Called};

use crate::App;
use crate::caller::Caller;
use crate::endpoints::cabinets::reads_in;
use crate::failure::Failure;
use crate::texts::{self, Language};

#[derive(Deserialize, JsonSchema)]
struct StorePath {
    store_id: StoreId,
}

#[derive(Deserialize, JsonSchema)]
struct DevicePath {
    device_id: DeviceId,
}

/// A store.
#[derive(Serialize, JsonSchema)]
struct StoreAnswer {
    store_id: StoreId,
    store_code: StoreCode,
    store_name: Title,
    store_type: StoreKind,
    store_property: StoreProperty,
    address: Note,
    phone: Note,
    created_at: Instant,
    updated_at: Instant,
}

impl From<Store> for StoreAnswer {
    fn from(store: Store) -> Self {
        Self {
            store_id: store.id,
            store_code: store.code,
            store_name: store.name,
            store_type: store.kind,
            store_property: store.property,
            address: store.address,
            phone: store.phone,
            created_at: store.created_at,
            updated_at: store.updated_at,
        }
    }
}

/// What keeps a cabinet from selling, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DeviceState {
    Offline,
    /// It is serving somebody.
    Busy,
    /// It has no planogram.
    Empty,
    /// Of something that it sells there is nothing left.
    SoldOut,
    Ready,
}

impl DeviceState {
    fn of(device: &Device) -> Self {
        if !device.is_online {
            Self::Offline
        } else if device.session.is_some() {
            Self::Busy
        } else if device.planogram.is_empty() {
            Self::Empty
        } else if device.planogram.iter().any(|shelved| shelved.stock <= 0) {
            Self::SoldOut
        } else {
            Self::Ready
        }
    }

    fn in_language(self, language: Language) -> &'static str {
        match self {
            Self::Offline => texts::text("离线", "offline"),
            Self::Busy => texts::text("服务中", "serving"),
            Self::Empty => texts::text("没有陈列", "nothing said"),
            Self::SoldOut => texts::text("有售空", "partly sold out"),
            Self::Ready => texts::text("正常", "ready"),
        }
        .in_language(language)
    }
}

/// A cabinet.
#[derive(Serialize, JsonSchema)]
struct DeviceAnswer {
    device_id: DeviceId,
    device_code: DeviceCode,
    name: Title,
    store_id: StoreId,
    state: DeviceState,
    is_online: bool,
    /// Of when the vendor's last word about that is.
    heard_at: Option<Instant>,
    /// Whether it is serving somebody.
    is_busy: bool,
    /// What its QR code says.
    qr: String,
    planogram: Vec<ShelvedAnswer>,
    /// Grows with every change of the planogram, a sale among them; who sends it with a new one is refused where it is not the last.
    planogram_version: i64,
    created_at: Instant,
    updated_at: Instant,
}

/// A product in a cabinet.
#[derive(Serialize, JsonSchema)]
struct ShelvedAnswer {
    product_code: ProductCode,
    product_id: ProductId,
    /// As it is called now. What was sold is called as it was then.
    name_zh: Title,
    name_en: Option<Title>,
    price_cents: Cents,
    /// Below zero where more was taken than anybody put in.
    stock: i64,
}

impl ShelvedAnswer {
    fn of(shelved: Shelved, names: &BTreeMap<ProductId, Called>) -> Result<Self, Refusal> {
        let called = names.get(&shelved.product).ok_or(Refusal::NotFound { noun: Noun::Product })?;
        Ok(Self {
            product_code: shelved.code,
            product_id: shelved.product,
            name_zh: called.zh.clone(),
            name_en: called.en.clone(),
            price_cents: shelved.price,
            stock: shelved.stock,
        })
    }
}

impl DeviceAnswer {
    async fn list(app: &App, devices: Vec<Device>) -> Result<Vec<Self>, Failure> {
        let names = queries::names_in(app.store(), &devices).await?;
        let answers: Result<_, Refusal> = devices.into_iter().map(|device| Self::called(device, &names)).collect();
        Ok(answers?)
    }

    /// How many products are in it, sold out or not.
    fn kinds(&self) -> i64 {
        i64::try_from(self.planogram.len()).unwrap_or(i64::MAX)
    }

    fn kinds_sold_out(&self) -> i64 {
        self.planogram.iter().map(|shelved| i64::from(shelved.stock <= 0)).sum()
    }

    async fn of(app: &App, device: Device) -> Result<Self, Failure> {
        let names = queries::names_in(app.store(), std::slice::from_ref(&device)).await?;
        Ok(Self::called(device, &names)?)
    }

    fn called(device: Device, names: &BTreeMap<ProductId, Called>) -> Result<Self, Refusal> {
        let shelved = |shelved| ShelvedAnswer::of(shelved, names);
        Ok(Self {
            qr: device.qr(),
            state: DeviceState::of(&device),
            device_id: device.id,
            device_code: device.code,
            name: device.name,
            store_id: device.store,
            is_online: device.is_online,
            heard_at: device.heard_at,
            is_busy: device.session.is_some(),
            planogram_version: device.planogram_version,
            planogram: device.planogram.into_iter().map(shelved).collect::<Result<_, _>>()?,
            created_at: device.created_at,
            updated_at: device.updated_at,
        })
    }
}

/// Whether a caller's reading reaches into a store.
fn must_see(caller: &Caller, store: StoreId) -> Result<(), Failure> {
    if reads_in(caller, store) { Ok(()) } else { Err(Failure::Code(Code::PermissionDenied)) }
}

async fn change_store(app: &App, caller: Caller, command: CabinetCommand) -> Result<StoreAnswer, Failure> {
    match app.service().run(caller.asks(Command::Cabinet(command))).await? {
        Outcome::Store { store } => Ok(store.into()),
        _ => Err(Failure::fault("a store's command answered something else")),
    }
}

async fn change_device(app: &App, caller: Caller, command: CabinetCommand) -> Result<DeviceAnswer, Failure> {
    match app.service().run(caller.asks(Command::Cabinet(command))).await? {
        Outcome::Device { device } => DeviceAnswer::of(app, device).await,
        _ => Err(Failure::fault("a device's command answered something else")),
    }
}
