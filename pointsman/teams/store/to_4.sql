-- What schema 3 lacked.

ALTER TABLE runs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN root TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN task TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN pinned TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE runs ADD COLUMN dropped TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN release TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_in_line ON runs (team, tenant, thread) WHERE state = 'running';
CREATE INDEX runs_dead ON runs (team, created)
  WHERE state IN ('failed', 'partial') AND parent = '' AND dropped = '';
CREATE INDEX runs_by_parent ON runs (parent, created) WHERE parent != '';
CREATE INDEX runs_by_release ON runs (team, release, created) WHERE release != '';

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
