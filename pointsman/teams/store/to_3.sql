-- What schema 2 lacked.
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
