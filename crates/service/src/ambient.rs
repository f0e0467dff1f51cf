//! The two things a rule may not touch: the time, and chance.

use kernel::Instant;

pub trait Ambient: Send + Sync + 'static {
    fn now(&self) -> Instant;

    /// Fills `bytes` with what nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock and the operating system's randomness.
pub struct System;

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Instant::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the injected source of randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system has no randomness: {error}");
        }
    }
}

/// A random UUID, version 4.
#[must_use]
pub fn uuid(ambient: &dyn Ambient) -> String {
    let mut bytes = [0; 16];
    ambient.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
