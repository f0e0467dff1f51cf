//! Shop orders that are paid at WeChat. Such a payment is a top-up that pays for its order as it comes in, so the news of it takes the
//! same ways as that of any other.

use futures_util::StreamExt;
use kernel::{
    BackTo, BeginShopPayment, Cents, Command, Instant, Noun, OrderId, PaymentSource, Refusal, ShopCommand, ShopOrder,
    Topup, TopupState,
};
use store::queries::topups;

use crate::pay::{Looked, begun};
use crate::{Failure, PayWay, Payer, Request, Service};

/// Where somebody wants the money for an order to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundTo {
    Balance,
    Origin,
    /// To where it came from, where that was WeChat and nothing of it has gone back; else to the balance.
    Whence,
}

impl Service {
    /// Makes an order payable. Asked again for the same client it is the same payment, as long as that is open; one for another client
    /// is closed first, so that nobody pays twice.
    pub async fn pay_shop_order(
        &self,
        payer: Payer,
        order: &ShopOrder,
        asked: impl FnOnce(Command) -> Request,
    ) -> Result<(Topup, Option<PayWay>), Failure> {
        let pay = self.pay()?;
        let openid = self.openid_of(payer).await?;
        if order.expires_at().is_some_and(|expires_at| self.now() < expires_at) {
            let (same, others): (Vec<_>, Vec<_>) =
                self.open_payments(order.id).await?.into_iter().partition(|topup| topup.client == payer.client);
            for topup in others {
                self.close(&topup, PaymentSource::Query).await?;
            }
            if let Some(topup) = same.last() {
                return self.pay_topup(payer, topup, asked).await;
            }
        }
        let command = ShopCommand::BeginPayment(BeginShopPayment {
            order: order.id,
            goods: order.goods,
            order_no: self.new_number("SPAY"),
            client: payer.client,
            first_check_at: self.now().plus_millis(self.recharge().compensation.threshold_mins * 60_000),
        });
        let (topup, payment) = begun(self.run(asked(Command::Shop(command))).await?)?;
        // The answer may be that of the first asking: the payment has gone on since.
        let topup = topups::one(self.store(), topup.id).await?.unwrap_or(topup);
        self.make_payable(pay, topup, payment, payer, openid).await
    }

    /// Closes at WeChat what was begun there for an order, before it is paid in another way. What turns out to be paid is settled.
    pub async fn close_payments(&self, order: OrderId) -> Result<(), Failure> {
        for topup in self.open_payments(order).await? {
            self.close(&topup, PaymentSource::Query).await?;
        }
        Ok(())
    }

    /// The same before it is cancelled, if WeChat can be reached: money that comes all the same goes back by itself.
    pub async fn give_payments_up(&self, order: OrderId) -> Result<(), Failure> {
        for topup in self.open_payments(order).await? {
            if let Err(failure) = self.close(&topup, PaymentSource::Query).await {
                tracing::warn!(order_no = topup.order_no, ?failure, "a payment is not closed yet");
            }
        }
        Ok(())
    }

    /// Asks WeChat what became of an order's payments, now.
    pub async fn query_shop_order(&self, order: OrderId) -> Result<(), Failure> {
        for topup in self.open_payments(order).await? {
            self.look_at(&topup, PaymentSource::Query).await?;
        }
        Ok(())
    }

    async fn open_payments(&self, order: OrderId) -> Result<Vec<Topup>, Failure> {
        let mut all = topups::of_order(self.store(), order).await?;
        all.retain(|topup| topup.state == TopupState::Pending);
        Ok(all)
    }

    /// Where an order's money can go back to.
    pub async fn back_to(&self, order: OrderId, to: RefundTo) -> Result<BackTo, Failure> {
        if to == RefundTo::Balance {
            return Ok(BackTo::Balance);
        }
        let payments = topups::of_order(self.store(), order).await?;
        let is_whole =
            |topup: &&Topup| matches!(&topup.state, TopupState::Paid(receipt) if receipt.refunded == Cents::ZERO);
        match payments.iter().find(is_whole) {
            Some(topup) => Ok(BackTo::Origin { topup: topup.id, refund_no: self.new_number("REFD") }),
            None if to == RefundTo::Origin => Err(Refusal::NotFound { noun: Noun::Topup }.into()),
            None => Ok(BackTo::Balance),
        }
    }
}

/// How asking went about the payments of orders that are past their deadline.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Paid in time or late: settled, not released.
    pub(crate) settled: i64,
    /// WeChat did not say: their orders wait.
    pub(crate) unanswered: i64,
}

const MOST_AT_ONCE: i64 = 500;

/// Asks WeChat about the payments of orders that are past their deadline, and closes those that nobody has made.
pub(crate) async fn ask_first(service: &Service, now: Instant) -> Result<Asked, String> {
    let mut asked = Asked::default();
    if service.pay_settings().is_none() {
        return Ok(asked);
    }
    let due = topups::of_lapsed_orders(service.store(), now, MOST_AT_ONCE).await.map_err(|error| error.to_string())?;
    let concurrency = service.recharge().compensation.concurrency.max(1);
    let mut looked = futures_util::stream::iter(due)
        .map(|topup| async move {
            let looked = match service.is_stopping() {
                true => Ok(Looked::Nothing),
                false => service.look_at(&topup, PaymentSource::Compensation).await,
            };
            (topup.order_no, looked)
        })
        .buffer_unordered(concurrency);
    while let Some((order_no, looked)) = looked.next().await {
        match looked {
            Ok(Looked::Credited) => asked.settled += 1,
            Ok(Looked::Nothing) => {}
            Err(failure) => {
                tracing::warn!(order_no, ?failure, "a payment cannot be asked about; its order waits");
                asked.unanswered += 1;
            }
        }
    }
    Ok(asked)
}
