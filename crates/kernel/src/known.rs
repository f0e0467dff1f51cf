//! Rows and look-ups of a batch: what was read, with every decision since applied.

use std::collections::HashMap;
use std::hash::Hash;

struct Row<V> {
    value: Option<V>,
    /// The stored row's version; absent where the database has no such row yet.
    version: Option<i64>,
    dirty: bool,
}

/// Rows of one kind by key. Asking for a row that was never loaded is a mistake of the caller, not an absent row.
pub struct Table<K, V> {
    rows: HashMap<K, Row<V>>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::new() }
    }
}

/// What has to be written for one table.
pub struct Dirty<'a, V> {
    pub inserts: Vec<&'a V>,
    /// With the version that the stored row must still have.
    pub updates: Vec<(&'a V, i64)>,
}

impl<K: Eq + Hash + Ord + std::fmt::Debug, V> Table<K, V> {
    /// Records what the database has under `key`. What a decision of this batch has put there stays.
    pub fn load(&mut self, key: K, stored: Option<(V, i64)>) {
        self.rows.entry(key).or_insert_with(|| {
            let (value, version) = stored.map_or((None, None), |(value, version)| (Some(value), Some(version)));
            Row { value, version, dirty: false }
        });
    }

    #[must_use]
    pub fn knows(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// # Panics
    /// Where `key` was not loaded: its command's `needs` forgot it.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        match self.rows.get(key) {
            Some(row) => row.value.as_ref(),
            None => panic!("row {key:?} was needed but not loaded"),
        }
    }

    /// The row, where it was loaded and exists.
    pub(crate) fn found(&self, key: &K) -> Option<&V> {
        self.rows.get(key).and_then(|row| row.value.as_ref())
    }

    pub(crate) fn set(&mut self, key: K, value: V) {
        let row = self.rows.entry(key).or_insert(Row { value: None, version: None, dirty: false });
        row.value = Some(value);
        row.dirty = true;
    }

    pub(crate) fn is_clean(&self) -> bool {
        !self.rows.values().any(|row| row.dirty)
    }

    /// Everything to write, in key order.
    #[must_use]
    pub fn dirty(&self) -> Dirty<'_, V> {
        let mut changed: Vec<_> = self.rows.iter().filter(|(_, row)| row.dirty).collect();
        changed.sort_unstable_by_key(|&(key, _)| key);
        let mut dirty = Dirty { inserts: Vec::new(), updates: Vec::new() };
        for (_, row) in changed {
            match (&row.value, row.version) {
                (Some(value), Some(version)) => dirty.updates.push((value, version)),
                (Some(value), None) => dirty.inserts.push(value),
                (None, _) => {}
            }
        }
        dirty
    }
}

/// From a natural key to what stands under it now.
pub struct Lookup<K, V> {
    found: HashMap<K, Option<V>>,
}

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self { found: HashMap::new() }
    }
}

impl<K: Eq + Hash + std::fmt::Debug, V> Lookup<K, V> {
    pub fn load(&mut self, key: K, found: Option<V>) {
        self.found.entry(key).or_insert(found);
    }

    #[must_use]
    pub fn knows(&self, key: &K) -> bool {
        self.found.contains_key(key)
    }

    /// # Panics
    /// Where `key` was not loaded: its command's `needs` forgot it.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        match self.found.get(key) {
            Some(found) => found.as_ref(),
            None => panic!("key {key:?} was needed but not looked up"),
        }
    }

    pub(crate) fn all_found(&self) -> impl Iterator<Item = &V> {
        self.found.values().flatten()
    }

    pub(crate) fn all_found_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.found.iter_mut().filter_map(|(key, found)| Some((key, found.as_mut()?)))
    }

    /// What was found, where the key was looked up.
    pub(crate) fn found(&self, key: &K) -> Option<&V> {
        self.found.get(key).and_then(Option::as_ref)
    }

    pub(crate) fn found_mut(&mut self, key: &K) -> Option<&mut V> {
        self.found.get_mut(key).and_then(Option::as_mut)
    }

    pub(crate) fn set(&mut self, key: K, value: Option<V>) {
        self.found.insert(key, value);
    }
}

/// Declares what a batch can know and, beside it, the keys by which a command names what it needs to know: rows in tables, and
/// what stands under other keys in look-ups. The `last` ones are read together with the accounts and under their locks.
macro_rules! known {
    (
        $(#[$facts_doc:meta])* $facts:ident, $(#[$needs_doc:meta])* $needs:ident;
        tables { $($(#[$row_doc:meta])* $rows:ident: $id:ty => $row:ty,)* }
        look_ups { $($(#[$found_doc:meta])* $lookup:ident: $key:ty => $found:ty, by $(#[$keys_doc:meta])* $keys:ident,)* }
        last tables { $($last_rows:ident: $last_id:ty => $last_row:ty,)* }
        last look_ups {
            $($(#[$last_doc:meta])* $last:ident: $last_key:ty => $last_found:ty, by $last_keys:ident,)*
        }
        parts { $($part:ident: $part_facts:ty, $part_needs:ty,)* }
        besides { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }
    ) => {
        $(#[$facts_doc])*
        #[derive(Default)]
        pub struct $facts {
            $(pub $rows: $crate::Table<$id, $row>,)*
            $(pub $last_rows: $crate::Table<$last_id, $last_row>,)*
            $($(#[$found_doc])* pub $lookup: $crate::Lookup<$key, $found>,)*
            $($(#[$last_doc])* pub $last: $crate::Lookup<$last_key, $last_found>,)*
            $(pub $part: $part_facts,)*
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        $(#[$needs_doc])*
        #[derive(Debug, Default, PartialEq, Eq)]
        pub struct $needs {
            $($(#[$row_doc])* pub $rows: std::collections::BTreeSet<$id>,)*
            $($(#[$keys_doc])* pub $keys: std::collections::BTreeSet<$key>,)*
            $(pub $last_rows: std::collections::BTreeSet<$last_id>,)*
            $(pub $last_keys: std::collections::BTreeSet<$last_key>,)*
            $(pub $part: $part_needs,)*
        }

        impl $facts {
            pub(crate) fn tables_are_clean(&self) -> bool {
                true $(&& self.$rows.is_clean())* $(&& self.$last_rows.is_clean())* $(&& self.$part.tables_are_clean())*
            }
        }

        impl $needs {
            /// Keeps what `facts` does not know yet.
            pub fn drop_known(&mut self, facts: &$facts) {
                $(self.$rows.retain(|key| !facts.$rows.knows(key));)*
                $(self.$keys.retain(|key| !facts.$lookup.knows(key));)*
                $(self.$last_rows.retain(|key| !facts.$last_rows.knows(key));)*
                $(self.$last_keys.retain(|key| !facts.$last.knows(key));)*
                $(self.$part.drop_known(&facts.$part);)*
            }

            /// Whether only that is left to read which is read last.
            #[must_use]
            pub fn only_last(&self) -> bool {
                true $(&& self.$rows.is_empty())* $(&& self.$keys.is_empty())* $(&& self.$part.only_last())*
            }

            pub(crate) fn clear_last(&mut self) {
                $(self.$last_rows.clear();)*
                $(self.$last_keys.clear();)*
                $(self.$part.clear_last();)*
            }
        }
    };
}

pub(crate) use known;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_inserted_or_updated_by_where_it_came_from() {
        let mut table = Table::default();
        table.load(1, Some(("stored", 7)));
        table.load(2, None);
        table.load(3, Some(("untouched", 1)));
        table.set(1, "changed");
        table.set(2, "new");
        table.set(2, "new again");
        table.set(4, "never asked for");
        let dirty = table.dirty();
        assert_eq!(dirty.inserts, [&"new again", &"never asked for"]);
        assert_eq!(dirty.updates, [(&"changed", 7)]);
    }

    #[test]
    fn a_second_read_does_not_undo_a_decision() {
        let mut table = Table::default();
        table.load(1, Some(("stored", 7)));
        table.set(1, "changed");
        table.load(1, Some(("stored", 8)));
        assert_eq!(table.get(&1), Some(&"changed"));
        assert_eq!(table.dirty().updates, [(&"changed", 7)]);

        let mut lookup = Lookup::default();
        lookup.load("key", None);
        lookup.set("key", Some(1));
        lookup.load("key", None);
        assert_eq!(lookup.get(&"key"), Some(&1));
    }

    #[test]
    #[should_panic(expected = "row 1 was needed but not loaded")]
    fn a_row_nobody_read_is_not_an_absent_row() {
        let _ = Table::<i64, &str>::default().get(&1);
    }

    #[test]
    #[should_panic(expected = "key 1 was needed but not looked up")]
    fn a_key_nobody_looked_up_is_not_an_absent_key() {
        let _ = Lookup::<i64, i64>::default().get(&1);
    }
}
