-- Schema 1: what a team keeps. JSON columns are text: `json` would refuse or change what is in them.
-- Names are compared byte by byte, whatever the database's collation.
CREATE TABLE runs (
  run TEXT COLLATE "C" PRIMARY KEY,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  team TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  request TEXT NOT NULL,
  priority INTEGER NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  root_thread TEXT COLLATE "C" NOT NULL,
  nested BOOLEAN NOT NULL,
  seconds_left DOUBLE PRECISION,
  budget_usd DOUBLE PRECISION,
  budget_calls BIGINT,
  seconds DOUBLE PRECISION NOT NULL DEFAULT 0,
  cancelled_by TEXT NOT NULL DEFAULT '',
  specialist TEXT NOT NULL DEFAULT '',
  result TEXT,
  failed BOOLEAN NOT NULL DEFAULT FALSE, -- wholly, or after a part was done
  created DOUBLE PRECISION NOT NULL,
  parent TEXT COLLATE "C" NOT NULL DEFAULT '',
  root TEXT COLLATE "C" NOT NULL DEFAULT '',
  task TEXT NOT NULL DEFAULT '',
  pinned TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 1,
  dropped TEXT NOT NULL DEFAULT '',
  release TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX runs_by_state ON runs (team, state, created);
CREATE INDEX runs_by_thread ON runs (team, tenant, thread, created);
CREATE INDEX runs_in_line ON runs (team, tenant, thread) WHERE state = 'running';
CREATE INDEX runs_dead ON runs (team, created) WHERE failed AND parent = '' AND dropped = '';
CREATE INDEX runs_by_parent ON runs (parent, created) WHERE parent <> '';
CREATE INDEX runs_by_root ON runs (root) WHERE root <> '';
CREATE INDEX runs_by_release ON runs (team, release, created) WHERE release <> '';

CREATE TABLE log (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  run TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  message TEXT NOT NULL,
  UNIQUE (run, message_id)
);
CREATE INDEX log_by_thread ON log (team, tenant, thread, seq);

CREATE TABLE tickets (
  id TEXT COLLATE "C" PRIMARY KEY,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  team TEXT COLLATE "C" NOT NULL,
  run TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  settled BOOLEAN NOT NULL DEFAULT FALSE, -- the run has acted on it
  due DOUBLE PRECISION,                   -- when time changes it next
  ticket TEXT NOT NULL
);
CREATE INDEX tickets_by_status ON tickets (team, status, seq);
CREATE INDEX tickets_by_run ON tickets (run, seq);
CREATE INDEX tickets_by_due ON tickets (team, due) WHERE due IS NOT NULL;
CREATE INDEX tickets_unsettled ON tickets (team, status) WHERE NOT settled;

CREATE TABLE grants (
  id TEXT COLLATE "C" PRIMARY KEY,
  team TEXT COLLATE "C" NOT NULL,
  tool TEXT COLLATE "C" NOT NULL,
  live BOOLEAN NOT NULL,
  created DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX grants_by_tool ON grants (team, tool, live);

-- A chain of hashes; rows are only ever added, by one transaction at a time (see auditrows.py).
CREATE TABLE audit (
  seq BIGINT PRIMARY KEY,
  entry TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only ever added to';
END $$;
CREATE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE following BIGINT;
BEGIN
  SELECT coalesce(max(seq), 0) + 1 INTO following FROM audit;
  IF NEW.seq IS DISTINCT FROM following THEN
    RAISE EXCEPTION 'the audit log is only ever added to';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_unchanged BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_kept BEFORE TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_next BEFORE INSERT ON audit
  FOR EACH ROW EXECUTE FUNCTION audit_next();

CREATE TABLE effects (
  key TEXT COLLATE "C" PRIMARY KEY,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  ticket TEXT NOT NULL,
  run TEXT COLLATE "C" NOT NULL,
  tool TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 1,
  result TEXT NOT NULL DEFAULT '""', -- as JSON: a tool's text may hold what a column may not
  intended DOUBLE PRECISION NOT NULL,
  ended DOUBLE PRECISION
);
CREATE INDEX effects_by_run ON effects (run, seq);

CREATE TABLE journal (
  run TEXT COLLATE "C" NOT NULL,
  step TEXT COLLATE "C" NOT NULL,
  occurrence INTEGER NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  reply TEXT NOT NULL,
  PRIMARY KEY (run, step, occurrence, digest)
);

CREATE TABLE events (
  run TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (run, seq)
);

CREATE TABLE leases (
  name TEXT COLLATE "C" PRIMARY KEY,
  owner TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  expires DOUBLE PRECISION NOT NULL
);

-- What was redacted, sealed; the key is not in this database.
CREATE TABLE vault (
  run TEXT COLLATE "C" NOT NULL,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  label TEXT COLLATE "C" NOT NULL,
  number INTEGER NOT NULL,
  mac TEXT COLLATE "C" NOT NULL,
  key_id TEXT NOT NULL,
  sealed BYTEA NOT NULL,
  UNIQUE (run, label, number),
  UNIQUE (run, label, mac)
);

-- Every version of every blackboard entry that is kept. The newest of a key is the entry.
CREATE TABLE board (
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL, -- empty: of the whole team
  key TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  schema TEXT NOT NULL,
  value TEXT,                       -- NULL: removed
  author TEXT NOT NULL,
  run TEXT NOT NULL,
  why TEXT NOT NULL,
  once TEXT COLLATE "C" NOT NULL,   -- the same write again is known by it
  at DOUBLE PRECISION NOT NULL,
  expires DOUBLE PRECISION,
  epoch BIGINT,                     -- of the lease that the write carried
  PRIMARY KEY (team, tenant, thread, key, version)
);
CREATE UNIQUE INDEX board_once ON board (team, tenant, thread, key, once) WHERE once <> '';

-- A new key begins above the version of every key that was forgotten.
CREATE TABLE board_floors (
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (team, tenant, thread)
);

-- What older messages of a thread came to; the messages stay in the log.
CREATE TABLE summaries (
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  upto BIGINT NOT NULL,
  text TEXT NOT NULL, -- as JSON
  run TEXT NOT NULL,
  PRIMARY KEY (team, tenant, thread, upto)
);

-- What was ever promoted, whole: a thread may outlive the file.
CREATE TABLE releases (
  team TEXT COLLATE "C" NOT NULL,
  release TEXT COLLATE "C" NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (team, release)
);

-- Where a team's releases stand: the newest version counts, the older ones are its history.
CREATE TABLE release_channels (
  team TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (team, version)
);

-- The release that each thread began with.
CREATE TABLE release_threads (
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  release TEXT NOT NULL,
  PRIMARY KEY (team, tenant, thread)
);
