-- Schema 4: runs are listed and searched, events counted and followed, steps kept for replays.

-- Runs are listed by their place: when they were created, in microseconds, and one more where
-- another run has that place already.
ALTER TABLE runs ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN text TEXT NOT NULL DEFAULT '""'; -- as JSON: it may hold anything
ALTER TABLE runs ADD COLUMN usd DOUBLE PRECISION;
ALTER TABLE runs ADD COLUMN calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN ended DOUBLE PRECISION;
-- A fork: a run that goes another way from a step of a recorded one on, kept apart from all others.
ALTER TABLE runs ADD COLUMN fork_of TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN fork_at TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN simulated BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE runs SET
  place = o.place,
  ended = CASE WHEN runs.state NOT IN ('running', 'waiting') THEN
    (SELECT at FROM events e WHERE e.run = runs.run ORDER BY seq DESC LIMIT 1) END
FROM (
  SELECT run, n + max(us - n) OVER (ORDER BY n) AS place FROM (
    SELECT run, floor(created * 1e6)::bigint AS us,
      row_number() OVER (ORDER BY created, seq) AS n FROM runs
  ) placed
) o WHERE o.run = runs.run;
DROP INDEX runs_by_state;
DROP INDEX runs_by_release;
DROP INDEX runs_dead;
CREATE INDEX runs_dead ON runs (team, created)
  WHERE failed AND parent = '' AND dropped = '' AND fork_of = '';
CREATE INDEX runs_open ON runs (team, state, place)
  WHERE state IN ('running', 'waiting') AND parent = '' AND fork_of = '';
CREATE UNIQUE INDEX runs_by_place ON runs (place);
CREATE INDEX runs_listed ON runs (team, place);
CREATE INDEX runs_by_state ON runs (team, state, place);
CREATE INDEX runs_of_thread ON runs (team, thread, place);
CREATE INDEX runs_by_tenant ON runs (team, tenant, place);
CREATE INDEX runs_by_specialist ON runs (team, specialist, place) WHERE specialist <> '';
CREATE INDEX runs_by_release ON runs (team, release, place) WHERE release <> '';
CREATE INDEX runs_by_fork ON runs (fork_of, place) WHERE fork_of <> '';

-- Tickets are listed by tenant, and with those of teams inside the team.
ALTER TABLE tickets ADD COLUMN tenant TEXT COLLATE "C" NOT NULL DEFAULT ''; -- its run's
ALTER TABLE tickets ADD COLUMN whole TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the team it works for
UPDATE tickets SET tenant = r.tenant,
  whole = CASE WHEN top.team <> r.team THEN top.team ELSE '' END
  FROM runs r LEFT JOIN runs top ON top.run = r.root WHERE r.run = tickets.run;
CREATE INDEX tickets_by_place ON tickets (team, seq);
CREATE INDEX tickets_by_tenant ON tickets (team, tenant, status, seq);
CREATE INDEX tickets_inside ON tickets (whole, status, seq) WHERE whole <> '';
CREATE INDEX tickets_inside_by_tenant ON tickets (whole, tenant, status, seq) WHERE whole <> '';
CREATE INDEX grants_by_time ON grants (team, created DESC, id);

-- The words of every run's request (weight A) and answer (weight B); see words.py.
CREATE TABLE run_texts (
  run TEXT COLLATE "C" PRIMARY KEY,
  words TSVECTOR NOT NULL
);
CREATE INDEX run_texts_words ON run_texts USING gin (words);

-- Every event gets a place in the record of all runs: the number of the transaction that stored
-- it, above `base`, times 2^20, and which of that transaction's it is. See tailrows.py.
CREATE TABLE record_base (
  one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
  base BIGINT NOT NULL
);
ALTER TABLE events ADD COLUMN place BIGINT;
UPDATE events SET place = o.place FROM (
  SELECT run, seq, row_number() OVER (ORDER BY at, run, seq) AS place FROM events
) o WHERE o.run = events.run AND o.seq = events.seq;
ALTER TABLE events ALTER COLUMN place SET NOT NULL;
CREATE UNIQUE INDEX events_by_place ON events (place);
INSERT INTO record_base (base) SELECT (count(*) >> 20) + 1 FROM events;

-- What the events come to: counts and sums of a stretch of time, by what they are about. Events
-- that took time are in one row for each slot of their durations. `part` is only there so that
-- processes which count the same at once seldom wait for each other's rows.
CREATE TABLE usage (
  team TEXT COLLATE "C" NOT NULL,
  width INTEGER NOT NULL,      -- seconds of the stretch
  kind TEXT COLLATE "C" NOT NULL,
  start BIGINT NOT NULL,       -- seconds since the epoch
  tenant TEXT COLLATE "C" NOT NULL,
  specialist TEXT COLLATE "C" NOT NULL,
  model TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  slot INTEGER NOT NULL,
  part SMALLINT NOT NULL,
  count BIGINT NOT NULL,
  seconds DOUBLE PRECISION NOT NULL,
  usd DOUBLE PRECISION NOT NULL,
  unpriced BIGINT NOT NULL,    -- how many of them have no known price
  saved_usd DOUBLE PRECISION NOT NULL,
  input_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  PRIMARY KEY (team, width, kind, start, tenant, specialist, model, key, outcome, slot, part)
);

-- Where each circuit breaker stood when a run moved it last.
CREATE TABLE breakers (
  team TEXT COLLATE "C" NOT NULL,
  of TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  state TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (team, of, key)
);

-- Who may use the servers of a team. Of a secret only its SHA-256.
CREATE TABLE access_tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  team TEXT COLLATE "C" NOT NULL,
  digest TEXT NOT NULL,
  created DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX access_tokens_by_team ON access_tokens (team, created DESC, id);

-- Which thread a message that came with an idempotency key went to, and what it said.
CREATE TABLE submissions (
  team TEXT COLLATE "C" NOT NULL,
  tenant TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  digest TEXT NOT NULL,
  thread TEXT COLLATE "C" NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (team, tenant, key)
);

-- Every step of every run, with what it was given and met outside: what a replay answers from.
CREATE TABLE steps (
  run TEXT COLLATE "C" NOT NULL,
  n BIGINT NOT NULL,
  step TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, n)
);

-- The parts of what a run's models were asked, each once: prompts, turns, tools, schemas.
CREATE TABLE asked (
  run TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  body TEXT NOT NULL, -- as JSON: a part may hold what a column may not
  PRIMARY KEY (run, digest)
);
CREATE FUNCTION runs_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM run_texts WHERE run = OLD.run;
  DELETE FROM steps WHERE run = OLD.run;
  DELETE FROM asked WHERE run = OLD.run;
  RETURN OLD;
END $$;
CREATE TRIGGER runs_erased AFTER DELETE ON runs
  FOR EACH ROW EXECUTE FUNCTION runs_erase();

-- How many changes each connection committed: what is asked where one broke in a commit.
CREATE TABLE commits (
  line TEXT COLLATE "C" PRIMARY KEY,
  n BIGINT NOT NULL,
  at TIMESTAMPTZ NOT NULL DEFAULT now()
);
