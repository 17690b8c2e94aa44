-- What schema 1 lacked.
ALTER TABLE tickets ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN due REAL;
CREATE INDEX tickets_by_seq ON tickets (seq);
CREATE INDEX tickets_by_due ON tickets (team, due) WHERE due IS NOT NULL;
CREATE INDEX tickets_unsettled ON tickets (team, status) WHERE settled = 0;

ALTER TABLE effects ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE effects ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
CREATE INDEX effects_by_run ON effects (run, intended);

CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  team TEXT NOT NULL,
  tool TEXT NOT NULL,
  live INTEGER NOT NULL,
  created REAL NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX grants_by_tool ON grants (team, tool, live);

-- A chain of hashes; rows are only ever added.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  entry TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_next BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;

