-- Schema 3: envelopes that were not taken, as they came. Texts are JSON: they may hold anything.
CREATE TABLE letters (
  id TEXT COLLATE "C" PRIMARY KEY,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  team TEXT COLLATE "C" NOT NULL,
  came TEXT NOT NULL,
  why TEXT NOT NULL,
  text TEXT NOT NULL,
  body TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  ended DOUBLE PRECISION
);
CREATE INDEX letters_by_state ON letters (team, state, at);

-- Data of envelopes that is too large for them, under the digest of its canonical form.
CREATE TABLE payloads (
  ref TEXT COLLATE "C" PRIMARY KEY,
  body TEXT NOT NULL,
  at DOUBLE PRECISION NOT NULL
);

-- Runs whose result somebody elsewhere waits for, and how far it was published.
CREATE TABLE outgoing (
  run TEXT COLLATE "C" PRIMARY KEY,
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  team TEXT COLLATE "C" NOT NULL,
  sender TEXT NOT NULL,
  event TEXT NOT NULL,
  told BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  noted DOUBLE PRECISION NOT NULL
);
CREATE INDEX outgoing_by_team ON outgoing (team, noted);
CREATE FUNCTION outgoing_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM outgoing WHERE run = OLD.run;
  RETURN OLD;
END $$;
CREATE TRIGGER outgoing_erased AFTER DELETE ON runs
  FOR EACH ROW EXECUTE FUNCTION outgoing_erase();
