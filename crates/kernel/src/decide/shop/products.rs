use crate::draft::{Draft, Written};
use crate::{
    Account, Change, Context, CreateProduct, Currency, Decision, EditProduct, Facts, MoveStock, Outcome, Owner, Pool,
    Price, Product, ProductId, ProductOutcome, Reason, Refusal, StockMovement,
};

use super::existing_product;

pub(super) fn create(
    command: &CreateProduct,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    must_be_sound(Some(command.price))?;
    must_be_countable(command.stock)?;

    // After this point it must succeed.
    let product = Product {
        id: ProductId::new(draft.next_id()),
        name_zh: command.name_zh.clone(),
        name_en: command.name_en.clone(),
        description: command.description.clone(),
        price: command.price.cents(),
        member_limit: command.member_limit,
        on_sale: command.on_sale,
        pictures: Vec::new(),
        movements: 0,
        rounds: 0,
        created_at: context.now,
        updated_at: context.now,
    };
    let (product, pool) = add(product, command.stock, context, &mut draft);
    Ok(draft.finish(Outcome::Product(ProductOutcome { product, pool, movement: None })))
}

/// A new product; what is there of it from the beginning is its first stock movement.
pub(in crate::decide) fn add(
    mut product: Product,
    stock: i64,
    context: &Context<'_>,
    draft: &mut Draft<'_>,
) -> (Product, Pool) {
    let pool = Pool { id: product.pool(), capacity: stock, taken: 0, issued: 0 };
    draft.push(Change::Account(Account::open(Owner::Product(product.id), Currency::Cny)));
    draft.push(Change::Pool(pool));
    if stock > 0 {
        product.movements = 1;
        let reason = Reason::try_from("起始库存".to_owned());
        draft.push(Change::StockMovement(StockMovement {
            product: product.id,
            number: 1,
            delta: stock,
            reason: reason.unwrap_or_else(|_| unreachable!("it is a reason")),
            moved_by: context.actor.member,
            moved_at: context.now,
            total_after: stock,
        }));
    }
    draft.audit("product.create", ("product", product.id.get()), Written::after(&trace(&product, stock)));
    draft.push(Change::Product(product.clone()));
    (product, pool)
}

pub(super) fn edit(
    facts: &Facts,
    command: &EditProduct,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let patch = &command.patch;
    must_be_sound(patch.price)?;
    if patch.pictures.as_ref().is_some_and(|pictures| pictures.len() > Product::MOST_PICTURES) {
        return Err(Refusal::TooManyPictures { most: Product::MOST_PICTURES as i64 });
    }
    let (product, &pool) = existing_product(facts, command.product)?;

    // After this point it must succeed.
    let edited = Product {
        name_zh: patch.name_zh.clone().unwrap_or_else(|| product.name_zh.clone()),
        name_en: patch.name_en.clone().unwrap_or_else(|| product.name_en.clone()),
        description: patch.description.clone().unwrap_or_else(|| product.description.clone()),
        price: patch.price.map_or(product.price, Price::cents),
        member_limit: patch.member_limit.unwrap_or(product.member_limit),
        on_sale: patch.on_sale.unwrap_or(product.on_sale),
        pictures: patch.pictures.clone().unwrap_or_else(|| product.pictures.clone()),
        updated_at: context.now,
        ..product.clone()
    };
    change(product, edited.clone(), &pool, &mut draft);
    Ok(draft.finish(Outcome::Product(ProductOutcome { product: edited, pool, movement: None })))
}

pub(in crate::decide) fn change(before: &Product, after: Product, pool: &Pool, draft: &mut Draft<'_>) {
    let written = Written::change(&trace(before, pool.capacity), &trace(&after, pool.capacity));
    draft.audit("product.edit", ("product", before.id.get()), written);
    draft.push(Change::Product(after));
}

pub(super) fn move_stock(
    facts: &Facts,
    command: &MoveStock,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let delta = command.delta;
    if delta == 0 {
        return Err(Refusal::AmountZero);
    }
    if !(-Product::MOST_MOVED..=Product::MOST_MOVED).contains(&delta) {
        return Err(Refusal::StockOutOfRange { most: Product::MOST_MOVED });
    }
    let (product, pool) = existing_product(facts, command.product)?;
    // What is sold or reserved cannot be carried away, and neither can what is not there.
    super::must_have_left(facts, pool.id, -delta, context.now)?;
    let total_after = pool.capacity + delta;
    if total_after > Product::MOST_STOCK {
        return Err(Refusal::StockOutOfRange { most: Product::MOST_STOCK });
    }

    // After this point it must succeed.
    draft.release_lapsed(pool.id);
    draft.pool(pool.id).capacity = total_after;
    let moved_pool = *draft.pool(pool.id);
    let movement = StockMovement {
        product: product.id,
        number: product.movements + 1,
        delta,
        reason: command.reason.clone(),
        moved_by: context.actor.member,
        moved_at: context.now,
        total_after,
    };
    let moved = Product { movements: movement.number, updated_at: context.now, ..product.clone() };
    let stock = |pool: &Pool| serde_json::json!({ "stock": pool.available() });
    let written = Written::change(&stock(pool), &stock(&moved_pool)).because(command.reason.as_str());
    draft.audit("product.stock", ("product", product.id.get()), written);
    draft.push(Change::StockMovement(movement.clone()));
    draft.push(Change::Product(moved.clone()));
    Ok(draft.finish(Outcome::Product(ProductOutcome { product: moved, pool: moved_pool, movement: Some(movement) })))
}

pub(in crate::decide) fn must_be_countable(stock: i64) -> Result<(), Refusal> {
    let most = Product::MOST_MOVED;
    if (0..=most).contains(&stock) { Ok(()) } else { Err(Refusal::StockOutOfRange { most }) }
}

pub(in crate::decide) fn must_be_sound(price: Option<Price>) -> Result<(), Refusal> {
    if price.is_some_and(|price| price.cents().is_negative()) { Err(Refusal::NegativePrice) } else { Ok(()) }
}

fn trace(product: &Product, stock: i64) -> serde_json::Value {
    serde_json::json!({
        "name_zh": product.name_zh,
        "name_en": product.name_en,
        "description": product.description,
        "price_cents": product.price,
        "member_limit": product.member_limit,
        "on_sale": product.on_sale,
        "pictures": product.pictures.iter().map(|picture| &picture.hash).collect::<Vec<_>>(),
        "stock_in": stock,
    })
}
