-- What schema 4 lacked.

-- Runs are listed by their place: when they were created, in microseconds, and one more where
-- another run has that place already.
ALTER TABLE runs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN text TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN usd REAL;
ALTER TABLE runs ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN ended REAL;
UPDATE runs SET place = o.place FROM (
  SELECT run, n + max(us - n) OVER (ORDER BY n) AS place FROM (
    SELECT run, CAST(created * 1e6 AS INTEGER) AS us,
      row_number() OVER (ORDER BY created, rowid) AS n FROM runs
  )
) o WHERE o.run = runs.run;
UPDATE runs SET text = substr(coalesce(
  json_extract(request, '$.payload.text'), json_extract(request, '$.payload.request.text'), ''
), 1, 200);
UPDATE runs SET
  usd = json_extract(result, '$.usd'),
  calls = coalesce(json_extract(result, '$.model_calls'), 0),
  error = coalesce(json_extract(result, '$.error'), '')
  WHERE result IS NOT NULL;
UPDATE runs SET ended = (SELECT at FROM events e WHERE e.run = runs.run ORDER BY seq DESC LIMIT 1)
  WHERE state NOT IN ('running', 'waiting');

-- A fork: a run that goes another way from a step of a recorded one on, kept apart from all others.
ALTER TABLE runs ADD COLUMN fork_of TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN fork_at TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_by_fork ON runs (fork_of, place) WHERE fork_of != '';

DROP INDEX runs_by_state;
DROP INDEX runs_by_release;
DROP INDEX runs_dead;
CREATE INDEX runs_dead ON runs (team, created)
  WHERE state IN ('failed', 'partial') AND (state = 'failed' OR error != '')
  AND parent = '' AND dropped = '' AND fork_of = '';
CREATE INDEX runs_open ON runs (team, state, created)
  WHERE state IN ('running', 'waiting') AND parent = '' AND fork_of = '';
CREATE UNIQUE INDEX runs_by_place ON runs (place);
CREATE INDEX runs_listed ON runs (team, place);
CREATE INDEX runs_by_state ON runs (team, state, place);
CREATE INDEX runs_of_thread ON runs (team, thread, place);
CREATE INDEX runs_by_tenant ON runs (team, tenant, place);
CREATE INDEX runs_by_specialist ON runs (team, specialist, place) WHERE specialist != '';
CREATE INDEX runs_by_release ON runs (team, release, place) WHERE release != '';

-- The words of every run's request and answer; its rowid is the run's place.
CREATE VIRTUAL TABLE run_texts USING fts5 (
  request, answer, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO run_texts (rowid, request, answer)
  SELECT place, coalesce(
    json_extract(request, '$.payload.text'), json_extract(request, '$.payload.request.text'), ''
  ), coalesce(json_extract(result, '$.answer'), '') FROM runs ORDER BY place;
CREATE TRIGGER run_texts_erased AFTER DELETE ON runs
BEGIN DELETE FROM run_texts WHERE rowid = OLD.place; END;

-- Every event gets a place in the record of all runs, which is never used again.
CREATE TABLE placed (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  event TEXT NOT NULL,
  UNIQUE (run, seq)
) STRICT;
INSERT INTO placed (run, seq, at, event) SELECT run, seq, at, event FROM events ORDER BY rowid;
DROP TABLE events;
ALTER TABLE placed RENAME TO events;

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

-- Tickets are listed by tenant, and with those of teams inside the team.
ALTER TABLE tickets ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN whole TEXT NOT NULL DEFAULT '';
UPDATE tickets SET tenant = r.tenant, whole = CASE WHEN top.team != r.team THEN top.team ELSE '' END
  FROM runs r LEFT JOIN runs top ON top.run = r.root WHERE r.run = tickets.run;
CREATE INDEX tickets_by_tenant ON tickets (team, tenant, status, seq);
CREATE INDEX tickets_inside ON tickets (whole, status, seq) WHERE whole != '';
CREATE INDEX tickets_inside_by_tenant ON tickets (whole, tenant, status, seq) WHERE whole != '';
