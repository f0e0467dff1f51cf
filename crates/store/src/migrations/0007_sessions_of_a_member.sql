-- Who looks where they are signed in asks for a member.
CREATE INDEX sessions_member ON sessions (member_id, created_at) WHERE revoked_at IS NULL;
