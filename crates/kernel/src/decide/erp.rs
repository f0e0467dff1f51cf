//! The ERP's commands.

use serde_json::json;

use super::shop;
use crate::draft::{Draft, Written};
use crate::{
    Change, Context, CreateProduct, Decision, EditProduct, ErpCommand, ErpProduct, Facts, Needs, Note, Noun,
    OutboxMessage, Outcome, PoolId, ProductOutcome, ProductPatch, Refusal, SalesDocument, SendSales, ShopCommand,
    TakeProduct,
};

pub(super) fn needs(command: &ErpCommand, facts: &Facts, needs: &mut Needs) {
    match command {
        ErpCommand::TakeProduct(command) => {
            needs.erp.products.insert(command.code.clone());
            if facts.erp.products.knows(&command.code) {
                let known = facts.erp.products.get(&command.code).map(|known| known.product);
                let product = known.or(command.shelved);
                needs.shop.products.extend(product);
                needs.pools.extend(product.map(PoolId::from));
            }
        }
        ErpCommand::SendSales(command) => {
            needs.erp.sales.extend(command.stores.iter().map(|&store| (command.date, store)));
            needs.cabinet.stores.extend(&command.stores);
        }
    }
}

pub(super) fn decide(
    facts: &Facts,
    command: &ErpCommand,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    match command {
        ErpCommand::TakeProduct(command) => take_product(facts, command, context, draft),
        ErpCommand::SendSales(command) => send_sales(facts, command, context, draft),
    }
}

/// A new product is not on sale before somebody of the house puts it there.
fn take_product(
    facts: &Facts,
    command: &TakeProduct,
    context: &Context<'_>,
    draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let TakeProduct { code, shelved, name_zh, name_en, price, at } = command.clone();
    let told_at = facts.erp.products.get(&code).map(|known| known.told_at);
    let mut decision = match facts.erp.products.get(&code).map(|known| known.product).or(shelved) {
        Some(product) => {
            let (before, &pool) = shop::existing_product(facts, product)?;
            let is_old = told_at.is_some_and(|told_at| at < told_at);
            if is_old || (&before.name_zh, &before.name_en, before.price) == (&name_zh, &name_en, price.cents()) {
                draft.finish(Outcome::Product(ProductOutcome { product: before.clone(), pool, movement: None }))
            } else {
                let (name_zh, name_en, price) = (Some(name_zh), Some(name_en), Some(price));
                let patch = ProductPatch { name_zh, name_en, price, ..ProductPatch::default() };
                shop::decide(facts, &ShopCommand::EditProduct(EditProduct { product, patch }), context, draft)?
            }
        }
        None => {
            let create = CreateProduct {
                name_zh,
                name_en,
                description: Note::default(),
                price,
                member_limit: None,
                on_sale: false,
                stock: 0,
            };
            shop::decide(facts, &ShopCommand::CreateProduct(create), context, draft)?
        }
    };
    if let Outcome::Product(outcome) = &decision.outcome
        && told_at.is_none_or(|told_at| told_at < at)
    {
        let known = ErpProduct { code, product: outcome.product.id, told_at: at };
        decision.changes.push(Change::ErpProduct(known));
    }
    Ok(decision)
}

fn send_sales(
    facts: &Facts,
    command: &SendSales,
    context: &Context<'_>,
    mut draft: Draft<'_>,
) -> Result<Decision, Refusal> {
    let missing = Refusal::NotFound { noun: Noun::Store };
    let stores = command.stores.iter().map(|store| facts.cabinet.stores.get(store));
    let stores: Vec<_> = stores.collect::<Option<_>>().ok_or(missing)?;

    // After this point it must succeed.
    let mut documents = Vec::with_capacity(stores.len());
    for store in stores {
        let before = facts.erp.sales.get(&(command.date, store.id));
        if let Some(document) = before.filter(|_| !command.again) {
            documents.push(document.clone());
            continue;
        }
        let document = match before {
            Some(before) => SalesDocument { sends: before.sends + 1, updated_at: context.now, ..before.clone() },
            None => SalesDocument {
                date: command.date,
                store: store.id,
                document_no: SalesDocument::number(command.date, &store.code),
                sends: 1,
                created_at: context.now,
                updated_at: context.now,
            },
        };
        let message = OutboxMessage {
            id: draft.next_id(),
            topic: "erp-sales",
            body: json!({ "date": command.date, "store_id": store.id, "sends": document.sends }).to_string(),
            due_at: context.now,
        };
        draft.push(Change::Outbox(message));
        let after = json!({ "document_no": document.document_no, "sends": document.sends });
        draft.audit("sales.send", ("store", store.id.get()), Written::after(&after));
        draft.push(Change::SalesDocument(document.clone()));
        documents.push(document);
    }
    Ok(draft.finish(Outcome::SalesDocuments { documents }))
}
