pub(super) mod profile;
