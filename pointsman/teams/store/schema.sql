-- Schema 6. JSON columns hold pydantic models that carry their own schema_version.
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
  created REAL NOT NULL,
  parent TEXT NOT NULL DEFAULT '', -- the run that gave the work; empty for one that a message began
  root TEXT NOT NULL DEFAULT '',   -- the run at the top of its tree; empty where it is that itself
  task TEXT NOT NULL DEFAULT '',
  pinned TEXT NOT NULL DEFAULT '', -- who does it, unrouted
  attempt INTEGER NOT NULL DEFAULT 1,
  dropped TEXT NOT NULL DEFAULT '', -- who gave a failed run up
  release TEXT NOT NULL DEFAULT '',
  -- When it was created, in microseconds; one more where another run has that place already.
  place INTEGER NOT NULL DEFAULT 0,
  text TEXT NOT NULL DEFAULT '',   -- how its request begins
  usd REAL,
  calls INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  ended REAL,
  fork_of TEXT NOT NULL DEFAULT '',  -- the run of which it is a fork
  fork_at TEXT NOT NULL DEFAULT '',  -- the step from which on it goes its own way
  simulated INTEGER NOT NULL DEFAULT 0 -- whether its writes only seem to happen
) STRICT;
CREATE INDEX runs_by_fork ON runs (fork_of, place) WHERE fork_of != '';
CREATE UNIQUE INDEX runs_by_place ON runs (place);
CREATE INDEX runs_listed ON runs (team, place);
CREATE INDEX runs_by_state ON runs (team, state, place);
CREATE INDEX runs_of_thread ON runs (team, thread, place);
CREATE INDEX runs_by_tenant ON runs (team, tenant, place);
CREATE INDEX runs_by_specialist ON runs (team, specialist, place) WHERE specialist != '';
CREATE INDEX runs_by_thread ON runs (team, tenant, thread, created);
CREATE INDEX runs_in_line ON runs (team, tenant, thread) WHERE state = 'running';
CREATE INDEX runs_dead ON runs (team, created)
  WHERE state IN ('failed', 'partial') AND (state = 'failed' OR error != '')
  AND parent = '' AND dropped = '' AND fork_of = '';
CREATE INDEX runs_open ON runs (team, state, created)
  WHERE state IN ('running', 'waiting') AND parent = '' AND fork_of = '';
CREATE INDEX runs_by_parent ON runs (parent, created) WHERE parent != '';
CREATE INDEX runs_by_release ON runs (team, release, place) WHERE release != '';

-- The words of every run's request and answer; its rowid is the run's place.
CREATE VIRTUAL TABLE run_texts USING fts5 (
  request, answer, tokenize = "unicode61 remove_diacritics 2"
);
CREATE TRIGGER run_texts_erased AFTER DELETE ON runs
BEGIN DELETE FROM run_texts WHERE rowid = OLD.place; END;

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
  ticket TEXT NOT NULL,
  tenant TEXT NOT NULL DEFAULT '',    -- its run's
  whole TEXT NOT NULL DEFAULT ''      -- the team that it works for; empty: its own
) STRICT;
CREATE INDEX tickets_by_status ON tickets (team, status, seq);
CREATE INDEX tickets_by_tenant ON tickets (team, tenant, status, seq);
CREATE INDEX tickets_inside ON tickets (whole, status, seq) WHERE whole != '';
CREATE INDEX tickets_inside_by_tenant ON tickets (whole, tenant, status, seq) WHERE whole != '';
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

-- Every event has a place in the record of all runs, which is never used again.
CREATE TABLE events (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  event TEXT NOT NULL,
  UNIQUE (run, seq)
) STRICT;

-- What the events come to: counts and sums of a stretch of time, by what they are about. Events
-- that took time are in one row for each slot of their durations.
CREATE TABLE usage (
  team TEXT NOT NULL,
  width INTEGER NOT NULL,      -- seconds of the stretch
  kind TEXT NOT NULL,
  start INTEGER NOT NULL,      -- seconds since the epoch
  tenant TEXT NOT NULL,
  specialist TEXT NOT NULL,
  model TEXT NOT NULL,
  key TEXT NOT NULL,
  outcome TEXT NOT NULL,
  slot INTEGER NOT NULL,
  count INTEGER NOT NULL,
  seconds REAL NOT NULL,
  usd REAL NOT NULL,
  unpriced INTEGER NOT NULL,   -- how many of them have no known price
  saved_usd REAL NOT NULL,
  input_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  PRIMARY KEY (team, width, kind, start, tenant, specialist, model, key, outcome, slot)
) STRICT, WITHOUT ROWID;

-- Where each circuit breaker stood when a run moved it last.
CREATE TABLE breakers (
  team TEXT NOT NULL,
  of TEXT NOT NULL,
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (team, of, key)
) STRICT, WITHOUT ROWID;

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

-- Every version of every blackboard entry that is kept. The newest of a key is the entry.
CREATE TABLE board (
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,               -- empty: of the whole team
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  schema TEXT NOT NULL,
  value TEXT,                         -- NULL: removed
  author TEXT NOT NULL,
  run TEXT NOT NULL,
  why TEXT NOT NULL,
  once TEXT NOT NULL,                 -- the same write again is known by it
  at REAL NOT NULL,
  expires REAL,
  epoch INTEGER,                      -- of the lease that the write carried
  PRIMARY KEY (team, tenant, thread, key, version)
) STRICT;
CREATE UNIQUE INDEX board_once ON board (team, tenant, thread, key, once) WHERE once != '';

-- A new key begins above the version of every key that was forgotten.
CREATE TABLE board_floors (
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (team, tenant, thread)
) STRICT;

-- What older messages of a thread came to; the messages stay in the log.
CREATE TABLE summaries (
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,
  upto INTEGER NOT NULL,
  text TEXT NOT NULL,
  run TEXT NOT NULL,
  PRIMARY KEY (team, tenant, thread, upto)
) STRICT;

-- What was ever promoted, whole: a thread may outlive the file.
CREATE TABLE releases (
  team TEXT NOT NULL,
  release TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (team, release)
) STRICT;

-- Where a team's releases stand: the newest version counts, the older ones are its history.
CREATE TABLE release_channels (
  team TEXT NOT NULL,
  version INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (team, version)
) STRICT;

-- The release that each thread began with.
CREATE TABLE release_threads (
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,
  release TEXT NOT NULL,
  PRIMARY KEY (team, tenant, thread)
) STRICT;

-- Who may use the servers of a team. Of a secret only its SHA-256.
CREATE TABLE access_tokens (
  id TEXT PRIMARY KEY,
  team TEXT NOT NULL,
  digest TEXT NOT NULL,
  created REAL NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX access_tokens_by_team ON access_tokens (team, created);

-- Which thread a message that came with an idempotency key went to, and what it said.
CREATE TABLE submissions (
  team TEXT NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  thread TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (team, tenant, key)
) STRICT;

-- Every step of every run, with what it was given and met outside: what a replay answers from.
CREATE TABLE steps (
  run TEXT NOT NULL,
  n INTEGER NOT NULL,
  step TEXT NOT NULL,
  at REAL NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

-- The parts of what a run's models were asked, each once: prompts, turns, tools, schemas.
CREATE TABLE asked (
  run TEXT NOT NULL,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, digest)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER steps_erased AFTER DELETE ON runs
BEGIN
  DELETE FROM steps WHERE run = OLD.run;
  DELETE FROM asked WHERE run = OLD.run;
END;
-- Envelopes that were not taken, as they came.
CREATE TABLE letters (
  id TEXT PRIMARY KEY,
  team TEXT NOT NULL,
  came TEXT NOT NULL,
  why TEXT NOT NULL,
  text TEXT NOT NULL,
  body TEXT NOT NULL,
  at REAL NOT NULL,
  state TEXT NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  ended REAL
) STRICT;
CREATE INDEX letters_by_state ON letters (team, state, at);

-- Data of envelopes that is too large for them, under the digest of its canonical form.
CREATE TABLE payloads (
  ref TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;

-- Runs whose result somebody elsewhere waits for, and how far it was published.
CREATE TABLE outgoing (
  run TEXT PRIMARY KEY,
  team TEXT NOT NULL,
  sender TEXT NOT NULL,
  event TEXT NOT NULL,
  told INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  noted REAL NOT NULL
) STRICT;
CREATE INDEX outgoing_by_team ON outgoing (team, noted);
CREATE TRIGGER outgoing_erased AFTER DELETE ON runs
BEGIN DELETE FROM outgoing WHERE run = OLD.run; END;
