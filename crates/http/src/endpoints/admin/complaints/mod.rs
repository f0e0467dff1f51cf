//! What staff do with complaints.

pub(crate) mod answer;
pub(crate) mod assign;
pub(crate) mod list;
pub(crate) mod refund;

use kernel::{CabinetCommand, CabinetOrder, Command, Complaint, Outcome};

use crate::App;
use crate::failure::Failure;

async fn change(
    app: &App,
    asked: impl FnOnce(Command) -> service::Request,
    command: CabinetCommand,
) -> Result<(Complaint, Option<CabinetOrder>), Failure> {
    match app.service().run(asked(Command::Cabinet(command))).await? {
        Outcome::Complaint(made) => Ok((made.complaint, made.surcharge)),
        _ => Err(Failure::fault("a complaint's command answered something else")),
    }
}
