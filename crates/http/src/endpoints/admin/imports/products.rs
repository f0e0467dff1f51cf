use axum::http::Method;
use kernel::{Code, Command, ImportProducts, Note, Permission, ProductId, ProductLine, Quantity, ShopCommand, Title};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ImportColumn, Kind, YES_OR_NO};
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Declaration, Endpoint, Input, Tag};
use crate::input::TypedYuan;
use crate::texts::{Language, say};

struct Products;

#[derive(Deserialize, JsonSchema)]
struct ProductCells {
    product_id: Option<ProductId>,
    name_zh: Option<Title>,
    name_en: Option<Title>,
    description: Option<Note>,
    price: Option<TypedYuan>,
    limit_per_member: Option<Quantity>,
    on_sale: Option<bool>,
    stock: Option<i64>,
}

impl Kind for Products {
    type Cells = ProductCells;
    type Line = ProductLine;

    const COLUMNS: &'static [ImportColumn] = &[
        ImportColumn { field: "name_zh", headings: &["名称", "中文名称", "name_zh", "name"], words: &[] },
        ImportColumn { field: "name_en", headings: &["英文名称", "name_en"], words: &[] },
        ImportColumn { field: "description", headings: &["说明", "description"], words: &[] },
        ImportColumn { field: "price", headings: &["价格(元)", "价格", "单价", "price"], words: &[] },
        ImportColumn { field: "limit_per_member", headings: &["每人限购", "limit_per_member"], words: &[] },
        ImportColumn { field: "on_sale", headings: &["在售", "on_sale"], words: YES_OR_NO },
        ImportColumn { field: "stock", headings: &["初始库存", "stock"], words: &[] },
        ImportColumn { field: "product_id", headings: &["商品ID", "商品编号", "product_id"], words: &[] },
    ];
    const KEY: &'static str = "name_zh";

    fn line(_: &App, number: i64, cells: ProductCells, language: Language) -> Result<ProductLine, String> {
        let ProductCells { product_id, name_zh, name_en, description, price, limit_per_member, on_sale, stock } = cells;
        if product_id.is_none() && name_zh.is_none() {
            return Err(say!(language, "名称和商品ID须填一项", "a name or a product id has to say what it is"));
        }
        Ok(ProductLine {
            number,
            product: product_id,
            name_zh,
            name_en,
            description,
            price: price.map(TypedYuan::price),
            member_limit: limit_per_member,
            on_sale,
            stock,
        })
    }

    fn command(lines: Vec<ProductLine>, agreed: Option<String>) -> Command {
        Command::Shop(ShopCommand::ImportProducts(ImportProducts { lines, agreed }))
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::POST,
            path: "/api/v1/admin/products/import",
            id: "importProducts",
            tag: Tag::Shop,
            summary: "Import products from a file",
            description: "With `dry_run` it says for every row what it comes to and what is wrong, and gives a token; with the \
                          token and the same file it does exactly that, or refuses where something has changed in between. All \
                          rows are imported or none. Which product it is says `商品ID` (product_id), or `名称` (name_zh) where \
                          only one has that name; an empty cell leaves what is there. `初始库存` (stock) is the first stock \
                          movement of a new product and means nothing for others. The columns are those of the template.",
            codes: &[Code::ConcurrencyError],
        },
        super::import::<Products>,
    )
}

pub(crate) fn template() -> Endpoint {
    Endpoint::needs(
        Permission::ShopWrite,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/products/import/template",
            id: "productImportTemplate",
            tag: Tag::Shop,
            summary: "An empty file to import products with",
            description: "A workbook with the headings.",
            codes: &[],
        },
        async |app: App, _: Caller, _: Input| super::template::<Products>(app, "商品导入模板", "products").await,
    )
}
