-- Who reads the audit trail asks for a person, a thing, a kind of thing, an action or a time. An order that is placed writes one
-- record, so each index here was weighed against it.
--
-- A person: nothing else leads there. It is the one index that placing an order pays for.
CREATE INDEX audits_actor ON audits (actor_id, audit_id) WHERE actor_id IS NOT NULL;
-- An action, a kind: placed orders are most of the trail, so reading it from its end finds them at once and they need no index.
-- The others are few and may lie far apart. These two cost placing an order nothing.
CREATE INDEX audits_action ON audits (action, audit_id) WHERE action <> 'order.place';
CREATE INDEX audits_kind ON audits (object_kind, audit_id) WHERE object_kind <> 'order';
-- A thing has its index already, and ids carry the time, so that a time is a range of the primary key.
