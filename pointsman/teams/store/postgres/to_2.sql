-- Schema 2: shared budgets and rate limits, which stand in files of their own beside SQLite.
CREATE TABLE budgets (
  key TEXT COLLATE "C" PRIMARY KEY,
  usd BIGINT NOT NULL DEFAULT 0, -- nano-dollars
  tokens BIGINT NOT NULL DEFAULT 0,
  calls BIGINT NOT NULL DEFAULT 0,
  ms BIGINT NOT NULL DEFAULT 0,
  lost_usd BIGINT NOT NULL DEFAULT 0,
  lost_tokens BIGINT NOT NULL DEFAULT 0,
  lost_calls BIGINT NOT NULL DEFAULT 0,
  lost_ms BIGINT NOT NULL DEFAULT 0,
  unpriced BIGINT NOT NULL DEFAULT 0,
  ends DOUBLE PRECISION
);
CREATE INDEX budgets_ends ON budgets (ends) WHERE ends IS NOT NULL;
CREATE TABLE holds (
  key TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  usd BIGINT,
  tokens BIGINT NOT NULL,
  calls BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  until DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (key, id)
);
CREATE INDEX holds_id ON holds (id);
CREATE INDEX holds_until ON holds (until);
CREATE TABLE extensions (
  key TEXT COLLATE "C" NOT NULL,
  token TEXT COLLATE "C" NOT NULL,
  usd BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  calls BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  PRIMARY KEY (key, token)
);

-- Losing them to a power cut only fills every bucket: they are not written ahead.
CREATE UNLOGGED TABLE buckets (
  key TEXT COLLATE "C" PRIMARY KEY,
  due DOUBLE PRECISION NOT NULL,
  line TEXT NOT NULL
);
CREATE INDEX buckets_due ON buckets (due);
CREATE UNLOGGED TABLE places (
  key TEXT COLLATE "C" NOT NULL,
  permit TEXT COLLATE "C" NOT NULL,
  until DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (key, permit)
);
CREATE INDEX places_until ON places (until);
