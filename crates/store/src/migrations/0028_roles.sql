-- What the house's roles allow, and where they can be held. A deleted role stays: one of the same code goes on from it.
CREATE TABLE roles (
    code        TEXT    NOT NULL PRIMARY KEY,
    role_id     INTEGER NOT NULL,
    name_zh     TEXT    NOT NULL,
    name_en     TEXT    NOT NULL,
    scope       TEXT    NOT NULL CHECK (scope IN ('house', 'department', 'store')),
    permissions TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    deleted_at  INTEGER,
    version     INTEGER NOT NULL
) {clustered};
CREATE UNIQUE INDEX roles_id ON roles (role_id);

-- The roles that there have been all along, with what they have allowed. An administrator's allows everything, also what later
-- versions of the program add.
INSERT INTO roles (code, role_id, name_zh, name_en, scope, permissions, revision, deleted_at, version) VALUES
    ('member', 1, '用户', 'Member', 'house',
     '["order:place","meal:read","wallet:own","shop:read","shop:buy","cabinet:use"]', 1, NULL, 0),
    ('dept_admin', 2, '部门管理员', 'Department administrator', 'department',
     '["order:place","meal:read","wallet:own","shop:read","shop:buy","cabinet:use","department:book"]', 1, NULL, 0),
    ('store_staff', 3, '门店人员', 'Store staff', 'store',
     '["order:place","order:redeem","meal:read","wallet:own","personal:address","shop:read","shop:buy","shop:orders","shop:refund","cabinet:use","cabinet:read"]', 1, NULL, 0),
    ('support', 4, '客服', 'Support', 'house',
     '["order:place","meal:read","meal:read_orders","wallet:own","wallet:read","member:read","shop:read","shop:buy","shop:orders","cabinet:use","cabinet:read","complaint:handle","exception:read","alert:read"]', 1, NULL, 0),
    ('finance', 5, '财务', 'Finance', 'house',
     '["order:place","meal:read","meal:read_orders","wallet:own","wallet:read","wallet:write","member:read","shop:read","shop:buy","shop:orders","shop:refund","cabinet:use","cabinet:read","cabinet:correct","complaint:handle","consistency:read","audit:read","exception:read","exception:settle","alert:read","report:read"]', 1, NULL, 0),
    ('admin', 6, '系统管理员', 'Administrator', 'house', 'all', 1, NULL, 0);
