//! Pictures that people send: kept first, and named afterwards by what shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Code, Picture};
use schemars::JsonSchema;
use serde::Deserialize;
use service::{PictureRefused, Pictures};

use super::shop::PictureAnswer;
use crate::App;
use crate::failure::Failure;
use crate::input::Problem;
use crate::reply::Reply;
use crate::texts::{self, Language, say};

/// A picture.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPicture {
    /// Its bytes in Base64: a PNG, JPEG or WebP of at most 720 KiB, 8192 points a side and 24 million points.
    content: String,
}

pub(crate) async fn keep(app: &App, language: Language, new: NewPicture) -> Result<Reply<PictureAnswer>, Failure> {
    let wrong = |problem| Failure::Invalid(vec![Problem::new("content", problem)]);
    let pictures = kept(app)?;
    let Ok(bytes) = STANDARD.decode(new.content) else {
        return Err(wrong(say!(language, "不是合法的 Base64", "is not valid Base64")));
    };
    let most = Pictures::MOST_BYTES / 1024;
    let refused = match pictures.keep(bytes, app.service().now()).await {
        Ok(Ok(picture)) => return Ok(Reply::saying(texts::SAVED, PictureAnswer::of(&picture))),
        Ok(Err(refused)) => refused,
        Err(error) => {
            tracing::error!(%error, "a picture cannot be kept");
            return Err(Failure::Code(Code::Unavailable));
        }
    };
    Err(wrong(match refused {
        PictureRefused::NoPicture => say!(language, "须为 PNG、JPEG 或 WebP 图片", "must be a PNG, JPEG or WebP"),
        PictureRefused::TooLong => say!(language, "不能超过 {most} KiB", "must not exceed {most} KiB"),
        PictureRefused::TooLarge => {
            let (side, points) = (Pictures::MOST_SIDE, Pictures::MOST_POINTS / 1_000_000);
            say!(
                language,
                "边长不能超过 {side} 像素，总像素不能超过 {points} 百万",
                "must not exceed {side} points a side and {points} million in all",
            )
        }
    }))
}

/// Those of these names that are kept; one that is not, or that comes twice, is named. Where there are more than `most`, the kernel says
/// what is wrong.
pub(crate) async fn named(
    app: &App,
    language: Language,
    names: &[String],
    most: usize,
) -> Result<Vec<Picture>, Failure> {
    let (mut found, mut problems) = (Vec::<Picture>::new(), Vec::new());
    for (at, name) in names.iter().take(most + 1).enumerate() {
        let picture = match name.parse() {
            Ok(name) => kept(app)?.find(&name, app.service().now()).await.map_err(|error| {
                tracing::error!(%error, "a picture cannot be read");
                Failure::Code(Code::Unavailable)
            })?,
            Err(()) => None,
        };
        match picture {
            Some(picture) if !found.contains(&picture) => found.push(picture),
            Some(_) => {
                let problem = say!(language, "重复", "is there twice");
                problems.push(Problem::new(format!("pictures[{at}]"), problem));
            }
            None => {
                let problem = say!(language, "没有这张图片，请先上传", "is no picture that was uploaded");
                problems.push(Problem::new(format!("pictures[{at}]"), problem));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(Failure::Invalid(problems)) }
}

fn kept(app: &App) -> Result<&Pictures, Failure> {
    let pictures = app.service().pictures();
    pictures.ok_or_else(|| {
        tracing::error!("there is no place for pictures: set shop.pictures or shop.bucket");
        Failure::Code(Code::Unavailable)
    })
}
