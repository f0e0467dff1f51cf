pub(super) mod erase;
pub(super) mod export_data;
pub(super) mod profile;
