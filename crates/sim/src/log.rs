use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::faults::FaultKind;

/// The last calls, for tests that count them.
#[derive(Default)]
pub(crate) struct CallLog(Mutex<VecDeque<Entry>>);

#[derive(Clone, Serialize)]
pub(crate) struct Entry {
    method: String,
    path: String,
    status: u16,
    fault: Option<FaultKind>,
}

const LONGEST: usize = 2_000;

impl CallLog {
    pub(crate) fn add(&self, method: &str, path: &str, status: u16, fault: Option<FaultKind>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == LONGEST {
            entries.pop_front();
        }
        entries.push_back(Entry { method: method.to_owned(), path: path.to_owned(), status, fault });
    }

    pub(crate) fn list(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
