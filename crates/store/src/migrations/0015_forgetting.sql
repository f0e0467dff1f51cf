-- What is old enough to be forgotten is found without reading everything.
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX sessions_expires ON sessions (expires_at);
