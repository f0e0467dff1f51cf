-- Staff look for openings by cabinet and by what became of them.
CREATE INDEX door_sessions_device ON door_sessions (device_id, session_id);
CREATE INDEX door_sessions_status ON door_sessions (status, session_id);
