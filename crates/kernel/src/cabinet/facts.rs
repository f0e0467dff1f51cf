use std::collections::BTreeSet;

use super::{CabinetOrder, Complaint, Correction, Device, DoorSession, ScoreOrder, Store};
use crate::known::known;
use crate::{ComplaintId, CorrectionId, DeviceCode, DeviceId, DoorSessionId, MemberId, OrderId, StoreCode, StoreId};

/// What keeps a member from opening another door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busy {
    pub sessions: BTreeSet<DoorSessionId>,
    pub unpaid: BTreeSet<OrderId>,
}

known! {
    /// The cabinets' part of what a batch depends on.
    CabinetFacts,
    /// Which of the cabinets' rows to read.
    CabinetNeeds;

    tables {
        stores: StoreId => Store,
        devices: DeviceId => Device,
        sessions: DoorSessionId => DoorSession,
        scores: DoorSessionId => ScoreOrder,
        orders: OrderId => CabinetOrder,
        corrections: CorrectionId => Correction,
        complaints: ComplaintId => Complaint,
    }
    look_ups {
        store_by_code: StoreCode => StoreId, by store_codes,
        device_by_code: DeviceCode => DeviceId, by device_codes,
        /// Which opening a vendor's number settled.
        session_by_vendor_no: String => DoorSessionId, by vendor_nos,
        /// Which opening a payment at WeChat was collected for.
        score_by_transaction: String => DoorSessionId, by score_transactions,
    }
    last tables {}
    last look_ups {
        /// A member's openings that are not settled and orders that are not paid. The lock of the member's wallet guards them.
        busy: MemberId => Busy, by busy,
        /// The complaint about an order that is not closed. The same lock guards it.
        open_complaint: OrderId => ComplaintId, by open_complaints,
    }
    parts {}
    besides {}
}

impl CabinetFacts {
    pub(crate) fn apply_store(&mut self, store: Store) {
        self.store_by_code.set(store.code.clone(), Some(store.id));
        self.stores.set(store.id, store);
    }

    pub(crate) fn apply_device(&mut self, device: Device) {
        self.device_by_code.set(device.code.clone(), Some(device.id));
        self.devices.set(device.id, device);
    }

    pub(crate) fn apply_session(&mut self, session: DoorSession) {
        if let Some(settlement) = &session.settlement {
            self.session_by_vendor_no.set(settlement.vendor_order_no.clone(), Some(session.id));
        }
        if let Some(busy) = self.busy.found_mut(&session.member) {
            if session.status.is_unsettled() {
                busy.sessions.insert(session.id);
            } else {
                busy.sessions.remove(&session.id);
            }
        }
        self.sessions.set(session.id, session);
    }

    pub(crate) fn apply_score(&mut self, score: ScoreOrder) {
        if let Some(receipt) = score.state.receipt() {
            self.score_by_transaction.set(receipt.transaction_id.clone(), Some(score.session));
        }
        self.scores.set(score.session, score);
    }

    pub(crate) fn apply_complaint(&mut self, complaint: Complaint) {
        let open = (complaint.closed_at.is_none()).then_some(complaint.id);
        self.open_complaint.set(complaint.order, open);
        self.complaints.set(complaint.id, complaint);
    }

    pub(crate) fn apply_order(&mut self, order: CabinetOrder) {
        if let Some(busy) = self.busy.found_mut(&order.member) {
            if order.is_unpaid() {
                busy.unpaid.insert(order.id);
            } else {
                busy.unpaid.remove(&order.id);
            }
        }
        self.orders.set(order.id, order);
    }
}
