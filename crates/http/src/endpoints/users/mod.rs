pub(super) mod erase;
pub(super) mod profile;
