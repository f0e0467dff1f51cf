//! The ERP's part of loading and writing.

use kernel::{ErpNeeds, Facts, ProductCode, SalesDocument};

use super::load::Plan;
use crate::rows;
use crate::sql::statements;
use crate::{Batch, Lock, SetStatement, Value};

statements! {
    PRODUCTS = SetStatement::select("erp_products", &rows::ERP_PRODUCT[..1], rows::ERP_PRODUCT, "", Lock::None);
    SALES = SetStatement::select("sales_documents", &rows::SALES_DOCUMENT[..2], rows::SALES_DOCUMENT, "", Lock::None);

    INSERT_PRODUCTS = SetStatement::insert("erp_products", rows::ERP_PRODUCT);
    UPDATE_PRODUCTS = SetStatement::update("erp_products", &rows::ERP_PRODUCT[..1], &rows::ERP_PRODUCT[2..3]);
    INSERT_SALES = SetStatement::insert("sales_documents", rows::SALES_DOCUMENT);
    UPDATE_SALES = SetStatement::update("sales_documents", &rows::SALES_DOCUMENT[..2], &[
        rows::SALES_DOCUMENT[3], rows::SALES_DOCUMENT[5],
    ]);
}

pub(super) fn plan<'a>(plan: &mut Plan<'a>, needs: &'a ErpNeeds) {
    let key = |code: ProductCode| [String::from(code).into()];
    let keys = needs.products.iter().cloned();
    plan.rows(&PRODUCTS, |facts| &mut facts.erp.products, keys, key, |product| product.code.clone());
    let keys = needs.sales.iter().copied();
    plan.rows(
        &SALES,
        |facts| &mut facts.erp.sales,
        keys,
        |(date, store)| [date.to_string().into(), store.get().into()],
        |document| (document.date, document.store),
    );
}

pub(super) fn write<'a>(facts: &'a Facts, batches: &mut Vec<Batch<'a>>) {
    let products = facts.erp.products.dirty();
    batches.push(Batch::of(
        &INSERT_PRODUCTS,
        products.inserts.iter().map(|known| {
            let (code, product, told_at) = (known.code.as_str(), known.product.get(), known.told_at.as_millis());
            [code.into(), product.into(), told_at.into(), Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_PRODUCTS,
        products.updates.iter().map(|(known, version)| {
            [known.code.as_str().into(), Value::Int(*version), known.told_at.as_millis().into()]
        }),
    ));
    let sales = facts.erp.sales.dirty();
    batches.push(Batch::of(
        &INSERT_SALES,
        sales.inserts.iter().map(|document| {
            let SalesDocument { date, store, document_no, sends, created_at, updated_at } = document;
            let (created, updated) = (created_at.as_millis().into(), updated_at.as_millis().into());
            let (date, store) = (date.to_string().into(), store.get().into());
            [date, store, document_no.as_str().into(), (*sends).into(), created, updated, Value::Int(0)]
        }),
    ));
    batches.push(Batch::of(
        &UPDATE_SALES,
        sales.updates.iter().map(|(document, version)| {
            let (date, store) = (document.date.to_string().into(), document.store.get().into());
            [date, store, Value::Int(*version), document.sends.into(), document.updated_at.as_millis().into()]
        }),
    ));
}
