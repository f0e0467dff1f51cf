INSERT INTO accounts (account_id, owner_kind, owner_id, currency, balance, entry_count, version)
VALUES (4, 'system', 2, 'CNY', 0, 0, 0);
