pub(super) mod configuration;
pub(super) mod docs;
pub(super) mod live;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod ready;
