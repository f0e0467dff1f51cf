//! A hash of all that happened: two runs of a seed that differ anywhere differ here.

use std::fmt::{self, Debug, Write};

/// FNV-1a over what things say of themselves.
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    pub(crate) fn add(&mut self, thing: &impl Debug) {
        // Nothing that is written here fails.
        let _ = writeln!(self, "{thing:?}");
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
