-- Schema 4. JSON columns hold pydantic models that carry their own schema_version.
CREATE TABLE runs (
  run TEXT PRIMARY KEY,
  team TEXT NOT NULL,
  thread TEXT NOT NULL,
  tenant TEXT NOT NULL,
  request TEXT NOT NULL,
  state TEXT NOT NULL,
  root_thread TEXT NOT NULL,
  nested INTEGER NOT NULL,
  seconds_left REAL,
  budget_usd REAL,
  budget_calls INTEGER,
  seconds REAL NOT NULL DEFAULT 0,
  cancelled_by TEXT NOT NULL DEFAULT '',
  specialist TEXT NOT NULL DEFAULT '',
  result TEXT,
  created REAL NOT NULL
) STRICT;
CREATE INDEX runs_by_state ON runs (team, state, created);
CREATE INDEX runs_by_thread ON runs (team, tenant, thread, created);

CREATE TABLE log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,
  run TEXT NOT NULL,
  message_id TEXT NOT NULL,
  message TEXT NOT NULL,
  UNIQUE (run, message_id)
) STRICT;
CREATE INDEX log_by_thread ON log (team, tenant, thread, seq);

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  team TEXT NOT NULL,
  run TEXT NOT NULL,
  status TEXT NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0, -- the run has acted on it
  due REAL,                           -- when time changes it next
  ticket TEXT NOT NULL
) STRICT;
CREATE INDEX tickets_by_status ON tickets (team, status, seq);
CREATE INDEX tickets_by_run ON tickets (run, seq);
CREATE INDEX tickets_by_seq ON tickets (seq);
CREATE INDEX tickets_by_due ON tickets (team, due) WHERE due IS NOT NULL;
CREATE INDEX tickets_unsettled ON tickets (team, status) WHERE settled = 0;

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

CREATE TABLE effects (
  key TEXT PRIMARY KEY,
  ticket TEXT NOT NULL,
  run TEXT NOT NULL,
  tool TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 1,
  result TEXT NOT NULL DEFAULT '',
  intended REAL NOT NULL,
  ended REAL
) STRICT;
CREATE INDEX effects_by_run ON effects (run, intended);

CREATE TABLE journal (
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  occurrence INTEGER NOT NULL,
  digest TEXT NOT NULL,
  reply TEXT NOT NULL,
  PRIMARY KEY (run, step, occurrence, digest)
) STRICT;

CREATE TABLE events (
  run TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  expires REAL NOT NULL
) STRICT;

-- What was redacted, sealed; the key is not in this file.
CREATE TABLE vault (
  run TEXT NOT NULL,
  label TEXT NOT NULL,
  number INTEGER NOT NULL,
  mac TEXT NOT NULL,
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  UNIQUE (run, label, number),
  UNIQUE (run, label, mac)
) STRICT;
