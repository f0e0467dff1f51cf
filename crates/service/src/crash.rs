//! Death at a chosen step, for the tests of what a killed server leaves behind.

/// Kills this process, as `kill -9` does, where `FANPIAO_CRASH_AT` names `step`. A release build has none of it.
#[cfg(debug_assertions)]
pub(crate) fn at(step: &str) {
    if std::env::var("FANPIAO_CRASH_AT").is_ok_and(|named| named == step) {
        let own = std::process::id().to_string();
        drop(std::process::Command::new("kill").args(["-KILL", &own]).status());
        // The signal may take a moment, and nothing more is to happen until then.
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn at(_: &str) {}
