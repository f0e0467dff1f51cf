//! A meal: one date and slot, a price, priced options, a capacity (its pool) and a state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Cents, Currency, Date, Instant, MealId, Note, OutOfRange, Owner, PickupWindow, PoolId, Price, Quantity,
    Refusal, Slot, Title,
};

/// draft → published, canceled; published → locked, canceled; locked → published, completed, canceled; the rest is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MealStatus {
    Draft,
    Published,
    Locked,
    Completed,
    Canceled,
}

impl MealStatus {
    pub const ALL: [Self; 5] = [Self::Draft, Self::Published, Self::Locked, Self::Completed, Self::Canceled];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Locked => "locked",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }

    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        use MealStatus::{Canceled, Completed, Draft, Locked, Published};
        matches!(
            (self, next),
            (Draft, Published | Canceled) | (Published, Locked | Canceled) | (Locked, Published | Completed | Canceled)
        )
    }
}

/// A step of a meal's life that takes its orders along. Each begins in one state only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Publish,
    Lock,
    Unlock,
    Complete,
}

impl Step {
    pub const ALL: [Self; 4] = [Self::Publish, Self::Lock, Self::Unlock, Self::Complete];

    #[must_use]
    pub fn begins_in(self) -> MealStatus {
        match self {
            Self::Publish => MealStatus::Draft,
            Self::Lock => MealStatus::Published,
            Self::Unlock | Self::Complete => MealStatus::Locked,
        }
    }

    #[must_use]
    pub fn ends_in(self) -> MealStatus {
        match self {
            Self::Publish | Self::Unlock => MealStatus::Published,
            Self::Lock => MealStatus::Locked,
            Self::Complete => MealStatus::Completed,
        }
    }
}

/// An option's id as its author gave it: a number or a short text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptionId {
    Number(i64),
    Text(Title),
}

impl std::fmt::Display for OptionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text.as_str()),
        }
    }
}

/// An option as an administrator writes it. Without an id it keeps the one that an option of this name has,
/// or else gets the next free number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MenuOption {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<OptionId>,
    pub name: Title,
    /// May be negative: "no rice" makes a meal cheaper.
    pub price_cents: Price,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MealOption {
    pub id: OptionId,
    pub name: Title,
    pub price_cents: Cents,
}

/// What a buyer picked: only the id counts, names and prices come from the meal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    pub id: OptionId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meal {
    pub id: MealId,
    pub date: Date,
    pub slot: Slot,
    pub title: Option<Title>,
    pub description: Note,
    pub base_price: Cents,
    pub options: Vec<MealOption>,
    pub status: MealStatus,
    /// From this moment on orders can no longer be placed, changed or canceled by their owners.
    pub orders_close_at: Option<Instant>,
    /// When orders may be fetched, in the order of the day. Empty where it does not matter.
    #[serde(default)]
    pub pickup_windows: Vec<PickupWindow>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Meal {
    #[must_use]
    pub fn pool(&self) -> PoolId {
        self.id.into()
    }

    #[must_use]
    pub fn takings(&self) -> AccountId {
        Owner::Meal(self.id).account(Currency::Cny)
    }

    /// Orders may leave the time open.
    pub fn must_offer(&self, window: Option<PickupWindow>) -> Result<(), Refusal> {
        match window {
            Some(window) if !self.pickup_windows.contains(&window) => Err(Refusal::UnknownWindow { window }),
            _ => Ok(()),
        }
    }

    /// The chosen options as this meal prices them now.
    pub fn choose(&self, chosen: &[Chosen]) -> Result<Vec<MealOption>, Refusal> {
        let mut picked: Vec<MealOption> = Vec::with_capacity(chosen.len());
        for Chosen { id } in chosen {
            let option = self.options.iter().find(|option| option.id == *id);
            let option = option.ok_or_else(|| Refusal::UnknownOption { option: id.clone() })?;
            if picked.iter().any(|already| already.id == *id) {
                return Err(Refusal::OptionChosenTwice { option: id.clone() });
            }
            picked.push(option.clone());
        }
        Ok(picked)
    }
}

/// (base + options) × quantity, never below zero.
pub fn price(base: Cents, options: &[MealOption], quantity: Quantity) -> Result<Cents, OutOfRange> {
    let each = options.iter().try_fold(base, |sum, option| sum.plus(option.price_cents))?;
    each.max(Cents::ZERO).times(quantity)
}

/// Which fields of a meal to change; an absent field stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MealPatch {
    /// `Some(None)` takes the title away.
    pub title: Option<Option<Title>>,
    pub description: Option<Note>,
    pub base_price: Option<Price>,
    pub capacity: Option<i64>,
    pub options: Option<Vec<MenuOption>>,
    /// `Some(None)` takes the deadline away.
    pub orders_close_at: Option<Option<Instant>>,
    pub pickup_windows: Option<Vec<PickupWindow>>,
}

/// Why an edit of a published meal would break a promise made to those who ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "field", rename_all = "snake_case")]
pub enum Danger {
    BasePriceCents { from: Cents, to: Cents },
    Capacity { to: i64, ordered: i64 },
    OptionRemoved { id: OptionId, name: Title },
    OptionPriceCents { id: OptionId, name: Title, from: Cents, to: Cents },
}

/// Ids are unique within a meal.
pub(crate) fn must_differ(options: &[MenuOption]) -> Result<(), Refusal> {
    for (at, option) in options.iter().enumerate() {
        let Some(id) = &option.id else { continue };
        if options[..at].iter().any(|other| other.id.as_ref() == Some(id)) {
            return Err(Refusal::OptionIdTwice { option: id.clone() });
        }
    }
    Ok(())
}

/// The options with every absent id filled in. What is called as before keeps its id, so that neither another order of the same
/// options nor one more of them changes what an id means; what is new gets a number that nobody uses.
pub(crate) fn number_options(options: &[MenuOption], before: &[MealOption]) -> Vec<MealOption> {
    let mut used: Vec<OptionId> = options.iter().filter_map(|option| option.id.clone()).collect();
    let mut numbered: Vec<(Option<OptionId>, &MenuOption)> = Vec::with_capacity(options.len());
    for option in options {
        let same_name = |old: &&MealOption| old.name == option.name && !used.contains(&old.id);
        let id = match &option.id {
            Some(id) => Some(id.clone()),
            None => before.iter().find(same_name).map(|old| old.id.clone()),
        };
        if option.id.is_none() {
            used.extend(id.clone());
        }
        numbered.push((id, option));
    }
    used.extend(before.iter().map(|old| old.id.clone()));
    let mut free = (1..).map(OptionId::Number).filter(|id| !used.contains(id));
    let fill = |(id, option): (Option<OptionId>, &MenuOption)| MealOption {
        id: id.or_else(|| free.next()).unwrap_or(OptionId::Number(0)),
        name: option.name.clone(),
        price_cents: option.price_cents.cents(),
    };
    numbered.into_iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(price: i64) -> MealOption {
        let name = Title::try_from("x".to_owned()).expect("a title");
        MealOption { id: OptionId::Number(price), name, price_cents: Cents::new(price) }
    }

    #[test]
    fn a_price_never_falls_below_zero() {
        let two = Quantity::try_from(2).expect("a quantity");
        assert_eq!(price(Cents::new(1500), &[option(300), option(-200)], two), Ok(Cents::new(3200)));
        assert_eq!(price(Cents::new(100), &[option(-200)], two), Ok(Cents::ZERO));
    }

    fn offered(names: &[(Option<i64>, &str)]) -> Vec<MenuOption> {
        let offered = names.iter().map(|&(id, name)| MenuOption {
            id: id.map(OptionId::Number),
            name: Title::try_from(name.to_owned()).expect("a title"),
            price_cents: Price::try_from(0).expect("a price"),
        });
        offered.collect()
    }

    fn numbered(options: &[(Option<i64>, &str)], before: &[MealOption]) -> Vec<(String, String)> {
        let numbered = number_options(&offered(options), before).into_iter();
        numbered.map(|option| (option.id.to_string(), option.name.as_str().to_owned())).collect()
    }

    #[test]
    fn a_name_keeps_its_id_and_a_new_one_takes_nobodys() {
        let before = number_options(&offered(&[(None, "egg"), (None, "tofu"), (None, "egg")]), &[]);
        let is = |options: &[(Option<i64>, &str)], expected: &[&str]| {
            let ids: Vec<_> = numbered(options, &before).into_iter().map(|(id, _)| id).collect();
            assert_eq!(ids, expected, "{options:?}");
        };
        is(&[(None, "egg"), (None, "tofu"), (None, "egg")], &["1", "2", "3"]);
        is(&[(None, "tofu"), (None, "egg")], &["2", "1"]);
        is(&[(None, "rice"), (None, "tofu")], &["4", "2"]);
        is(&[(None, "rice"), (Some(4), "bean"), (None, "corn")], &["5", "4", "6"]);
        // Who names an id has it, whatever it was called before.
        is(&[(None, "tofu"), (Some(2), "bean")], &["4", "2"]);
        is(&[(None, "egg"), (Some(1), "egg"), (None, "egg")], &["3", "1", "4"]);
    }

    #[test]
    fn a_step_begins_in_one_state_and_ends_where_the_table_allows() {
        for step in Step::ALL {
            assert!(step.begins_in().can_become(step.ends_in()), "{step:?}");
        }
    }

    #[test]
    fn the_state_table_is_exactly_this() {
        use MealStatus::{Canceled, Completed, Draft, Locked, Published};
        let edges = [
            (Draft, Published),
            (Draft, Canceled),
            (Published, Locked),
            (Published, Canceled),
            (Locked, Published),
            (Locked, Completed),
            (Locked, Canceled),
        ];
        for from in MealStatus::ALL {
            for to in MealStatus::ALL {
                assert_eq!(from.can_become(to), edges.contains(&(from, to)), "{from:?} to {to:?}");
            }
        }
    }
}
