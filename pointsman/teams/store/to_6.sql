-- What schema 5 lacked.

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
