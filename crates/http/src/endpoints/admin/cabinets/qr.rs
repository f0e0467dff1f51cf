use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use kernel::{Code, DeviceCode, Noun, Permission, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;
use store::queries::cabinets as queries;

use super::must_see;
use crate::App;
use crate::caller::Caller;
use crate::endpoint::{Answer, Declaration, Endpoint, Input, Tag};
use crate::failure::Failure;
use crate::input::Dots;
use crate::qr;
use crate::reply::{self, Answers};
use crate::texts::Language;

#[derive(Deserialize, JsonSchema)]
struct QrPath {
    device_code: DeviceCode,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QrQuery {
    #[serde(default)]
    format: QrFormat,
    /// How many dots wide.
    #[serde(default)]
    size: Dots,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum QrFormat {
    /// With the cabinet's code and its store beneath.
    #[default]
    Svg,
    Png,
}

struct QrPicture {
    format: QrFormat,
    bytes: Vec<u8>,
}

impl Answers for QrPicture {
    fn form() -> Answer {
        Answer::File("image/*")
    }

    fn into_response(self, _: Language) -> Result<Response, Failure> {
        let (media_type, disposition) = match self.format {
            QrFormat::Svg => ("image/svg+xml", "inline; filename=\"cabinet.svg\""),
            QrFormat::Png => ("image/png", "inline; filename=\"cabinet.png\""),
        };
        let mut response = reply::response(StatusCode::OK, HeaderValue::from_static(media_type), self.bytes);
        response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
        Ok(response)
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::needs(
        Permission::CabinetRead,
        Declaration {
            method: Method::GET,
            path: "/api/v1/admin/cabinet/devices/{device_code}/qr",
            id: "printCabinetQr",
            tag: Tag::Cabinets,
            summary: "A cabinet's QR code for printing",
            description: "What members scan, with its quiet margin: an SVG with the cabinet's code and its store beneath, or a PNG.",
            codes: &[Code::NotFound],
        },
        handle,
    )
}

async fn handle(app: App, caller: Caller, input: Input<QrPath, QrQuery>) -> Result<QrPicture, Failure> {
    let device = queries::device_by_code(app.store(), &input.path.device_code).await?;
    let device = device.ok_or(Refusal::NotFound { noun: Noun::Device })?;
    must_see(&caller, device.store)?;
    let QrQuery { format, size } = input.query;
    let code = qr::code(&device.qr())?;
    let bytes = match format {
        QrFormat::Svg => {
            let store = queries::store(app.store(), device.store).await?;
            let store = store.ok_or(Refusal::NotFound { noun: Noun::Store })?;
            qr::svg(&code, size.width(), &[device.code.as_str(), store.name.as_str()]).into_bytes()
        }
        QrFormat::Png => qr::png(&code, size.width()).map_err(|error| Failure::fault(format!("a PNG: {error}")))?,
    };
    Ok(QrPicture { format, bytes })
}
