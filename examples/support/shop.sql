-- The shop behind the example: Hearth, a small maker of smart-home devices. Money is in US cents,
-- dates are ISO 8601. `python -m nodes.shop reset` makes the database from this file.

CREATE TABLE customers (
  id     INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,
  email  TEXT NOT NULL UNIQUE,
  street TEXT NOT NULL,
  city   TEXT NOT NULL
);

CREATE TABLE products (
  kind  TEXT PRIMARY KEY,
  name  TEXT NOT NULL,
  cents INTEGER NOT NULL CHECK (cents > 0)
);

CREATE TABLE orders (
  id          TEXT PRIMARY KEY CHECK (id GLOB 'SO-[0-9][0-9][0-9][0-9]'),
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  placed      TEXT NOT NULL
);

CREATE TABLE order_lines (
  order_id TEXT NOT NULL REFERENCES orders (id),
  product  TEXT NOT NULL REFERENCES products (kind),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, product)
);

CREATE TABLE invoices (
  id       TEXT PRIMARY KEY CHECK (id GLOB 'INV-[0-9][0-9][0-9][0-9]'),
  order_id TEXT NOT NULL UNIQUE REFERENCES orders (id),
  issued   TEXT NOT NULL,
  due      TEXT NOT NULL,
  cents    INTEGER NOT NULL CHECK (cents > 0)
);

CREATE TABLE payments (
  id         INTEGER PRIMARY KEY,
  invoice_id TEXT NOT NULL REFERENCES invoices (id),
  paid       TEXT NOT NULL,
  cents      INTEGER NOT NULL CHECK (cents > 0),
  method     TEXT NOT NULL CHECK (method IN ('card', 'bank transfer'))
);

CREATE TABLE refunds (
  id         INTEGER PRIMARY KEY,
  invoice_id TEXT NOT NULL REFERENCES invoices (id),
  made       TEXT NOT NULL,
  cents      INTEGER NOT NULL CHECK (cents > 0),
  reason     TEXT NOT NULL
);

CREATE TABLE parcels (
  id         TEXT PRIMARY KEY CHECK (id GLOB 'PX-[0-9][0-9][0-9][0-9]'),
  order_id   TEXT NOT NULL REFERENCES orders (id),
  state      TEXT NOT NULL
    CHECK (state IN ('packed', 'on its way', 'delayed', 'at pickup point', 'delivered', 'lost',
                     'returned')),
  sent       TEXT,              -- NULL until the carrier has it
  place      TEXT,              -- where it was last seen
  seen       TEXT,              -- and when
  expected   TEXT,              -- NULL when nobody can say
  hold_until TEXT,              -- the carrier keeps it until then
  address    TEXT NOT NULL
);

CREATE TABLE devices (
  id             TEXT PRIMARY KEY CHECK (id GLOB 'DV-[0-9][0-9][0-9][0-9]'),
  order_id       TEXT NOT NULL REFERENCES orders (id),
  product        TEXT NOT NULL REFERENCES products (kind),
  warranty_until TEXT NOT NULL
);

CREATE TABLE repairs (
  id        INTEGER PRIMARY KEY,
  device_id TEXT NOT NULL REFERENCES devices (id),
  opened    TEXT NOT NULL,
  problem   TEXT NOT NULL
);

CREATE TABLE articles (
  device  TEXT NOT NULL REFERENCES products (kind),
  problem TEXT NOT NULL,
  title   TEXT NOT NULL,
  advice  TEXT NOT NULL,
  PRIMARY KEY (device, problem)
);

INSERT INTO customers (id, name, email, street, city) VALUES
  ( 1, 'Ana Reyes'    , 'ana.reyes@example.com'    , '18 Tremont Street'    , 'Boston, MA'),
  ( 2, 'Ben Okafor'   , 'ben.okafor@example.com'   , '402 Gay Street'       , 'Columbus, OH'),
  ( 3, 'Carla Jensen' , 'carla.jensen@example.com' , '77 Alder Street'      , 'Portland, OR'),
  ( 4, 'Dmitri Volkov', 'dmitri.volkov@example.com', '2310 Halsted Street'  , 'Chicago, IL'),
  ( 5, 'Elena Rossi'  , 'elena.rossi@example.com'  , '915 Congress Avenue'  , 'Austin, TX'),
  ( 6, 'Farid Haddad' , 'farid.haddad@example.com' , '56 Warren Avenue'     , 'Dearborn, MI'),
  ( 7, 'Grace Lin'    , 'grace.lin@example.com'    , '1204 Pine Street'     , 'Seattle, WA'),
  ( 8, 'Hugo Martin'  , 'hugo.martin@example.com'  , '640 Larimer Street'   , 'Denver, CO'),
  ( 9, 'Imani Brooks' , 'imani.brooks@example.com' , '33 Auburn Avenue'     , 'Atlanta, GA'),
  (10, 'Jonas Weber'  , 'jonas.weber@example.com'  , '808 Water Street'     , 'Milwaukee, WI'),
  (11, 'Keiko Tanaka' , 'keiko.tanaka@example.com' , '290 Third Street'     , 'San Jose, CA'),
  (12, 'Liam Walsh'   , 'liam.walsh@example.com'   , '1517 Spruce Street'   , 'Philadelphia, PA'),
  (13, 'Maya Patel'   , 'maya.patel@example.com'   , '25 Oak Tree Road'     , 'Edison, NJ'),
  (14, 'Noah Kim'     , 'noah.kim@example.com'     , '611 Olympic Boulevard', 'Los Angeles, CA'),
  (15, 'Olivia Grant' , 'olivia.grant@example.com' , '145 Broadway'         , 'Nashville, TN'),
  (16, 'Pedro Alves'  , 'pedro.alves@example.com'  , '92 Ferry Street'      , 'Newark, NJ'),
  (17, 'Quinn Murphy' , 'quinn.murphy@example.com' , '370 Elmwood Avenue'   , 'Buffalo, NY'),
  (18, 'Rosa Delgado' , 'rosa.delgado@example.com' , '1850 Central Avenue'  , 'Phoenix, AZ'),
  (19, 'Sam Turner'   , 'sam.turner@example.com'   , '204 Hargett Street'   , 'Raleigh, NC'),
  (20, 'Tessa Moore'  , 'tessa.moore@example.com'  , '528 Hennepin Avenue'  , 'Minneapolis, MN'),
  (21, 'Umar Sheikh'  , 'umar.sheikh@example.com'  , '7400 Bissonnet Street', 'Houston, TX'),
  (22, 'Vera Novak'   , 'vera.novak@example.com'   , '3100 Lorain Avenue'   , 'Cleveland, OH'),
  (23, 'Will Carter'  , 'will.carter@example.com'  , '16 Boulder Avenue'    , 'Tulsa, OK'),
  (24, 'Yara Costa'   , 'yara.costa@example.com'   , '480 Flagler Street'   , 'Miami, FL');

INSERT INTO products (kind, name, cents) VALUES
  ('hub'       , 'Hearth Hub'          ,  8900),
  ('camera'    , 'Hearth Camera'       , 12900),
  ('sensor'    , 'Hearth Motion Sensor',  2400),
  ('thermostat', 'Hearth Thermostat'   , 14900),
  ('doorbell'  , 'Hearth Doorbell'     , 11900),
  ('plug'      , 'Hearth Plug'         ,  1900),
  ('lock'      , 'Hearth Door Lock'    , 17900),
  ('lamp'      , 'Hearth Lamp'         ,  3500);

INSERT INTO orders (id, customer_id, placed) VALUES
  ('SO-3001',  8, '2026-08-20'),
  ('SO-3002', 15, '2026-08-22'),
  ('SO-3003', 22, '2026-08-24'),
  ('SO-3004',  5, '2026-08-27'),
  ('SO-3005', 12, '2026-08-29'),
  ('SO-3007',  2, '2026-09-01'),
  ('SO-3008',  9, '2026-09-03'),
  ('SO-3009', 16, '2026-09-05'),
  ('SO-3011',  6, '2026-09-08'),
  ('SO-3012', 13, '2026-09-10'),
  ('SO-3016', 17, '2026-09-13'),
  ('SO-3017', 24, '2026-09-15'),
  ('SO-3018',  7, '2026-09-17'),
  ('SO-3020', 21, '2026-09-20'),
  ('SO-3021',  4, '2026-09-22'),
  ('SO-3022', 11, '2026-09-25'),
  ('SO-3023', 18, '2026-09-27'),
  ('SO-3025',  8, '2026-09-29'),
  ('SO-3027', 22, '2026-10-02'),
  ('SO-3028',  5, '2026-10-04'),
  ('SO-3029', 12, '2026-10-07'),
  ('SO-3030', 19, '2026-10-09'),
  ('SO-3031',  2, '2026-10-11'),
  ('SO-3032',  9, '2026-10-14'),
  ('SO-3033', 16, '2026-10-16'),
  ('SO-3034', 23, '2026-10-19'),
  ('SO-3035',  6, '2026-10-21'),
  ('SO-3036', 13, '2026-10-23'),
  ('SO-3038',  3, '2026-10-26'),
  ('SO-3039', 10, '2026-10-28'),
  ('SO-3040', 17, '2026-10-31'),
  ('SO-3042',  7, '2026-11-02'),
  ('SO-3043', 14, '2026-11-04'),
  ('SO-3044', 21, '2026-11-07'),
  ('SO-3045',  4, '2026-11-09'),
  ('SO-3046', 11, '2026-11-12');

INSERT INTO order_lines (order_id, product, quantity) VALUES
  ('SO-3001', 'hub'       , 1),
  ('SO-3002', 'doorbell'  , 1),
  ('SO-3002', 'plug'      , 1),
  ('SO-3003', 'camera'    , 1),
  ('SO-3004', 'lock'      , 1),
  ('SO-3005', 'thermostat', 1),
  ('SO-3007', 'lamp'      , 1),
  ('SO-3008', 'doorbell'  , 1),
  ('SO-3009', 'lock'      , 1),
  ('SO-3011', 'hub'       , 1),
  ('SO-3012', 'plug'      , 2),
  ('SO-3016', 'doorbell'  , 2),
  ('SO-3017', 'camera'    , 1),
  ('SO-3018', 'doorbell'  , 2),
  ('SO-3020', 'plug'      , 1),
  ('SO-3021', 'doorbell'  , 1),
  ('SO-3022', 'camera'    , 1),
  ('SO-3023', 'thermostat', 1),
  ('SO-3025', 'doorbell'  , 2),
  ('SO-3027', 'sensor'    , 1),
  ('SO-3027', 'camera'    , 1),
  ('SO-3028', 'lamp'      , 1),
  ('SO-3029', 'plug'      , 1),
  ('SO-3030', 'lamp'      , 2),
  ('SO-3031', 'sensor'    , 1),
  ('SO-3032', 'thermostat', 1),
  ('SO-3033', 'plug'      , 1),
  ('SO-3033', 'doorbell'  , 1),
  ('SO-3034', 'plug'      , 1),
  ('SO-3034', 'camera'    , 1),
  ('SO-3035', 'doorbell'  , 1),
  ('SO-3036', 'plug'      , 1),
  ('SO-3038', 'lamp'      , 1),
  ('SO-3038', 'hub'       , 1),
  ('SO-3039', 'lamp'      , 1),
  ('SO-3040', 'sensor'    , 1),
  ('SO-3042', 'hub'       , 1),
  ('SO-3043', 'sensor'    , 1),
  ('SO-3044', 'thermostat', 1),
  ('SO-3045', 'thermostat', 1),
  ('SO-3046', 'hub'       , 1);

INSERT INTO invoices (id, order_id, issued, due, cents) VALUES
  ('INV-1001', 'SO-3001', '2026-08-21', '2026-09-20',  8900),
  ('INV-1002', 'SO-3002', '2026-08-23', '2026-09-22', 13800),
  ('INV-1003', 'SO-3003', '2026-08-25', '2026-09-24', 12900),
  ('INV-1004', 'SO-3004', '2026-08-28', '2026-09-27', 17900),
  ('INV-1005', 'SO-3005', '2026-08-30', '2026-09-29', 14900),
  ('INV-1007', 'SO-3007', '2026-09-02', '2026-10-02',  3500),
  ('INV-1008', 'SO-3008', '2026-09-04', '2026-10-04', 11900),
  ('INV-1009', 'SO-3009', '2026-09-06', '2026-10-06', 17900),
  ('INV-1011', 'SO-3011', '2026-09-09', '2026-10-09',  8900),
  ('INV-1012', 'SO-3012', '2026-09-11', '2026-10-11',  3800),
  ('INV-1016', 'SO-3016', '2026-09-14', '2026-10-14', 23800),
  ('INV-1017', 'SO-3017', '2026-09-16', '2026-10-16', 12900),
  ('INV-1018', 'SO-3018', '2026-09-18', '2026-10-18', 23800),
  ('INV-1020', 'SO-3020', '2026-09-21', '2026-10-21',  1900),
  ('INV-1021', 'SO-3021', '2026-09-23', '2026-10-23', 11900),
  ('INV-1022', 'SO-3022', '2026-09-26', '2026-10-26', 12900),
  ('INV-1023', 'SO-3023', '2026-09-28', '2026-10-28', 14900),
  ('INV-1025', 'SO-3025', '2026-09-30', '2026-10-30', 23800),
  ('INV-1027', 'SO-3027', '2026-10-03', '2026-11-02', 15300),
  ('INV-1028', 'SO-3028', '2026-10-05', '2026-11-04',  3500),
  ('INV-1029', 'SO-3029', '2026-10-08', '2026-11-07',  1900),
  ('INV-1030', 'SO-3030', '2026-10-10', '2026-11-09',  7000),
  ('INV-1031', 'SO-3031', '2026-10-12', '2026-11-11',  2400),
  ('INV-1032', 'SO-3032', '2026-10-15', '2026-11-14', 14900),
  ('INV-1033', 'SO-3033', '2026-10-17', '2026-11-16', 13800),
  ('INV-1034', 'SO-3034', '2026-10-20', '2026-11-19', 14800),
  ('INV-1035', 'SO-3035', '2026-10-22', '2026-11-21', 11900),
  ('INV-1036', 'SO-3036', '2026-10-24', '2026-11-23',  1900),
  ('INV-1038', 'SO-3038', '2026-10-27', '2026-11-26', 12400),
  ('INV-1039', 'SO-3039', '2026-10-29', '2026-11-28',  3500),
  ('INV-1040', 'SO-3040', '2026-11-01', '2026-12-01',  2400),
  ('INV-1042', 'SO-3042', '2026-11-03', '2026-12-03',  8900),
  ('INV-1043', 'SO-3043', '2026-11-05', '2026-12-05',  2400),
  ('INV-1044', 'SO-3044', '2026-11-08', '2026-12-08', 14900),
  ('INV-1045', 'SO-3045', '2026-11-10', '2026-12-10', 14900),
  ('INV-1046', 'SO-3046', '2026-11-13', '2026-12-13',  8900);

-- INV-1012, INV-1036 and INV-1042 were charged twice.
INSERT INTO payments (id, invoice_id, paid, cents, method) VALUES
  (5001, 'INV-1001', '2026-08-22',  8900, 'bank transfer'),
  (5002, 'INV-1002', '2026-08-28', 13800, 'card'),
  (5003, 'INV-1003', '2026-08-29', 12900, 'card'),
  (5004, 'INV-1004', '2026-08-31', 17900, 'card'),
  (5005, 'INV-1005', '2026-08-31', 14900, 'card'),
  (5006, 'INV-1007', '2026-09-04',  3500, 'bank transfer'),
  (5007, 'INV-1009', '2026-09-07', 17900, 'card'),
  (5008, 'INV-1011', '2026-09-13',  8900, 'card'),
  (5009, 'INV-1012', '2026-09-14',  3800, 'card'),
  (5010, 'INV-1012', '2026-09-15',  3800, 'card'),
  (5011, 'INV-1016', '2026-09-14', 23800, 'card'),
  (5012, 'INV-1017', '2026-09-21', 12900, 'bank transfer'),
  (5013, 'INV-1018', '2026-09-20', 23800, 'card'),
  (5014, 'INV-1020', '2026-09-24',  1900, 'card'),
  (5015, 'INV-1021', '2026-09-26', 11900, 'card'),
  (5016, 'INV-1022', '2026-09-30', 12900, 'card'),
  (5017, 'INV-1025', '2026-10-05', 23800, 'card'),
  (5018, 'INV-1027', '2026-10-08', 15300, 'card'),
  (5019, 'INV-1028', '2026-10-05',  3500, 'card'),
  (5020, 'INV-1029', '2026-10-13',  1900, 'bank transfer'),
  (5021, 'INV-1030', '2026-10-13',  7000, 'card'),
  (5022, 'INV-1031', '2026-10-17',  2400, 'card'),
  (5023, 'INV-1032', '2026-10-18', 14900, 'card'),
  (5024, 'INV-1033', '2026-10-18', 13800, 'bank transfer'),
  (5025, 'INV-1034', '2026-10-24', 14800, 'card'),
  (5026, 'INV-1035', '2026-10-25', 11900, 'card'),
  (5027, 'INV-1036', '2026-10-27',  1900, 'card'),
  (5028, 'INV-1036', '2026-10-28',  1900, 'card'),
  (5029, 'INV-1038', '2026-11-01', 12400, 'card'),
  (5030, 'INV-1039', '2026-10-30',  3500, 'bank transfer'),
  (5031, 'INV-1040', '2026-11-03',  2400, 'bank transfer'),
  (5032, 'INV-1042', '2026-11-08',  8900, 'card'),
  (5033, 'INV-1042', '2026-11-09',  8900, 'card'),
  (5034, 'INV-1043', '2026-11-09',  2400, 'bank transfer');

INSERT INTO refunds (id, invoice_id, made, cents, reason) VALUES
  (9001, 'INV-1012', '2026-09-21', 3800, 'charged twice'),
  (9002, 'INV-1031', '2026-10-26', 2400, 'sent back');

INSERT INTO parcels (id, order_id, state, sent, place, seen, expected, hold_until, address) VALUES
  ('PX-2201', 'SO-3001', 'delivered'      , '2026-08-22', 'Denver'      , '2026-08-27', '2026-08-27', NULL        , '640 Larimer Street, Denver, CO'),
  ('PX-2202', 'SO-3002', 'delivered'      , '2026-08-24', 'Nashville'   , '2026-08-28', '2026-08-29', NULL        , '145 Broadway, Nashville, TN'),
  ('PX-2203', 'SO-3003', 'delivered'      , '2026-08-26', 'Cleveland'   , '2026-08-30', '2026-08-31', NULL        , '3100 Lorain Avenue, Cleveland, OH'),
  ('PX-2204', 'SO-3004', 'delivered'      , '2026-08-29', 'Austin'      , '2026-09-02', '2026-09-03', NULL        , '915 Congress Avenue, Austin, TX'),
  ('PX-2205', 'SO-3005', 'delivered'      , '2026-08-31', 'Philadelphia', '2026-09-04', '2026-09-05', NULL        , '1517 Spruce Street, Philadelphia, PA'),
  ('PX-2207', 'SO-3007', 'delivered'      , '2026-09-03', 'Columbus'    , '2026-09-08', '2026-09-08', NULL        , '402 Gay Street, Columbus, OH'),
  ('PX-2208', 'SO-3008', 'delivered'      , '2026-09-05', 'Atlanta'     , '2026-09-10', '2026-09-10', NULL        , '33 Auburn Avenue, Atlanta, GA'),
  ('PX-2209', 'SO-3009', 'delivered'      , '2026-09-07', 'Newark'      , '2026-09-11', '2026-09-12', NULL        , '92 Ferry Street, Newark, NJ'),
  ('PX-2211', 'SO-3011', 'delivered'      , '2026-09-10', 'Dearborn'    , '2026-09-14', '2026-09-15', NULL        , '56 Warren Avenue, Dearborn, MI'),
  ('PX-2212', 'SO-3012', 'delivered'      , '2026-09-12', 'Edison'      , '2026-09-17', '2026-09-17', NULL        , '25 Oak Tree Road, Edison, NJ'),
  ('PX-2216', 'SO-3016', 'delivered'      , '2026-09-15', 'Buffalo'     , '2026-09-19', '2026-09-20', NULL        , '370 Elmwood Avenue, Buffalo, NY'),
  ('PX-2217', 'SO-3017', 'delivered'      , '2026-09-17', 'Miami'       , '2026-09-21', '2026-09-22', NULL        , '480 Flagler Street, Miami, FL'),
  ('PX-2218', 'SO-3018', 'delivered'      , '2026-09-19', 'Seattle'     , '2026-09-23', '2026-09-24', NULL        , '1204 Pine Street, Seattle, WA'),
  ('PX-2220', 'SO-3020', 'delivered'      , '2026-09-22', 'Houston'     , '2026-09-27', '2026-09-27', NULL        , '7400 Bissonnet Street, Houston, TX'),
  ('PX-2221', 'SO-3021', 'delivered'      , '2026-09-24', 'Chicago'     , '2026-09-28', '2026-09-29', NULL        , '2310 Halsted Street, Chicago, IL'),
  ('PX-2222', 'SO-3022', 'delivered'      , '2026-09-27', 'San Jose'    , '2026-10-02', '2026-10-02', NULL        , '290 Third Street, San Jose, CA'),
  ('PX-2223', 'SO-3023', 'delivered'      , '2026-09-29', 'Phoenix'     , '2026-10-03', '2026-10-04', NULL        , '1850 Central Avenue, Phoenix, AZ'),
  ('PX-2225', 'SO-3025', 'delivered'      , '2026-10-01', 'Denver'      , '2026-10-06', '2026-10-06', NULL        , '640 Larimer Street, Denver, CO'),
  ('PX-2227', 'SO-3027', 'delivered'      , '2026-10-04', 'Cleveland'   , '2026-10-09', '2026-10-09', NULL        , '3100 Lorain Avenue, Cleveland, OH'),
  ('PX-2228', 'SO-3028', 'delivered'      , '2026-10-06', 'Austin'      , '2026-10-10', '2026-10-11', NULL        , '915 Congress Avenue, Austin, TX'),
  ('PX-2229', 'SO-3029', 'delivered'      , '2026-10-09', 'Philadelphia', '2026-10-14', '2026-10-14', NULL        , '1517 Spruce Street, Philadelphia, PA'),
  ('PX-2230', 'SO-3030', 'delivered'      , '2026-10-11', 'Raleigh'     , '2026-10-15', '2026-10-16', NULL        , '204 Hargett Street, Raleigh, NC'),
  ('PX-2231', 'SO-3031', 'delivered'      , '2026-10-13', 'Columbus'    , '2026-10-18', '2026-10-18', NULL        , '402 Gay Street, Columbus, OH'),
  ('PX-2232', 'SO-3032', 'delivered'      , '2026-10-16', 'Atlanta'     , '2026-10-21', '2026-10-21', NULL        , '33 Auburn Avenue, Atlanta, GA'),
  ('PX-2233', 'SO-3033', 'delivered'      , '2026-10-18', 'Newark'      , '2026-10-23', '2026-10-23', NULL        , '92 Ferry Street, Newark, NJ'),
  ('PX-2234', 'SO-3034', 'delivered'      , '2026-10-21', 'Tulsa'       , '2026-10-26', '2026-10-26', NULL        , '16 Boulder Avenue, Tulsa, OK'),
  ('PX-2235', 'SO-3035', 'delivered'      , '2026-10-23', 'Dearborn'    , '2026-10-28', '2026-10-28', NULL        , '56 Warren Avenue, Dearborn, MI'),
  ('PX-2236', 'SO-3036', 'at pickup point', '2026-10-25', 'Edison'      , '2026-11-14', NULL        , '2026-11-28', '25 Oak Tree Road, Edison, NJ'),
  ('PX-2238', 'SO-3038', 'lost'           , '2026-10-28', 'Memphis'     , '2026-11-09', NULL        , NULL        , '77 Alder Street, Portland, OR'),
  ('PX-2239', 'SO-3039', 'delayed'        , '2026-10-30', 'Denver'      , '2026-11-17', '2026-11-27', NULL        , '808 Water Street, Milwaukee, WI'),
  ('PX-2240', 'SO-3040', 'on its way'     , '2026-11-02', 'Columbus'    , '2026-11-18', '2026-11-23', NULL        , '370 Elmwood Avenue, Buffalo, NY'),
  ('PX-2242', 'SO-3042', 'on its way'     , '2026-11-04', 'Boise'       , '2026-11-19', '2026-11-24', NULL        , '1204 Pine Street, Seattle, WA'),
  ('PX-2243', 'SO-3043', 'returned'       , '2026-11-06', 'Reno'        , '2026-11-19', NULL        , NULL        , '611 Olympic Boulevard, Los Angeles, CA'),
  ('PX-2244', 'SO-3044', 'on its way'     , '2026-11-09', 'Atlanta'     , '2026-11-20', '2026-11-25', NULL        , '7400 Bissonnet Street, Houston, TX'),
  ('PX-2245', 'SO-3045', 'packed'         , NULL        , NULL          , NULL        , '2026-11-26', NULL        , '2310 Halsted Street, Chicago, IL'),
  ('PX-2246', 'SO-3046', 'packed'         , NULL        , NULL          , NULL        , '2026-11-27', NULL        , '290 Third Street, San Jose, CA');

INSERT INTO devices (id, order_id, product, warranty_until) VALUES
  ('DV-7001', 'SO-3001', 'hub'       , '2028-08-20'),
  ('DV-7002', 'SO-3002', 'doorbell'  , '2028-08-22'),
  ('DV-7003', 'SO-3002', 'plug'      , '2028-08-22'),
  ('DV-7004', 'SO-3003', 'camera'    , '2028-08-24'),
  ('DV-7005', 'SO-3004', 'lock'      , '2028-08-27'),
  ('DV-7006', 'SO-3005', 'thermostat', '2028-08-29'),
  ('DV-7007', 'SO-3008', 'doorbell'  , '2028-09-03'),
  ('DV-7008', 'SO-3009', 'lock'      , '2028-09-05'),
  ('DV-7009', 'SO-3011', 'hub'       , '2028-09-08'),
  ('DV-7010', 'SO-3012', 'plug'      , '2028-09-10'),
  ('DV-7011', 'SO-3016', 'doorbell'  , '2028-09-13'),
  ('DV-7012', 'SO-3017', 'camera'    , '2028-09-15'),
  ('DV-7013', 'SO-3018', 'doorbell'  , '2028-09-17'),
  ('DV-7014', 'SO-3020', 'plug'      , '2028-09-20'),
  ('DV-7015', 'SO-3021', 'doorbell'  , '2028-09-22'),
  ('DV-7016', 'SO-3022', 'camera'    , '2028-09-25'),
  ('DV-7017', 'SO-3023', 'thermostat', '2028-09-27'),
  ('DV-7018', 'SO-3025', 'doorbell'  , '2028-09-29'),
  ('DV-7019', 'SO-3027', 'sensor'    , '2028-10-02'),
  ('DV-7020', 'SO-3027', 'camera'    , '2028-10-02'),
  ('DV-7021', 'SO-3029', 'plug'      , '2028-10-07'),
  ('DV-7022', 'SO-3031', 'sensor'    , '2028-10-11');

INSERT INTO repairs (id, device_id, opened, problem) VALUES
  (1, 'DV-7004', '2026-11-03', 'no picture'),
  (2, 'DV-7007', '2026-11-11', 'does not start');

INSERT INTO articles (device, problem, title, advice) VALUES
  ('hub'       , 'light'  , 'Red light on the hub'                     , 'Hold the button on the back for 10 seconds until the light turns white.'),
  ('hub'       , 'wifi'   , 'The hub is offline'                       , 'Move the hub closer to the router and press the wifi button once.'),
  ('hub'       , 'update' , 'A hub update does not finish'             , 'Unplug the hub for one minute and start the update again in the app.'),
  ('hub'       , 'setup'  , 'Setting up a hub'                         , 'Plug the hub in, open the app and scan the code under the hub.'),
  ('camera'    , 'picture', 'A black or blurred picture'               , 'Wipe the lens and take off the film, then restart the camera in the app.'),
  ('camera'    , 'wifi'   , 'The camera loses wifi'                    , 'Set the router to 2.4 GHz and add the camera again in the app.'),
  ('camera'    , 'battery', 'The camera''s battery empties fast'       , 'Set motion recording to short clips and charge the battery for 4 hours.'),
  ('camera'    , 'setup'  , 'Setting up a camera'                      , 'Hold the camera''s button until it beeps and scan the code in the app.'),
  ('sensor'    , 'alarm'  , 'A motion sensor that sounds for no reason', 'Turn the sensor away from heaters and windows and set it to low.'),
  ('sensor'    , 'battery', 'Changing the sensor''s battery'           , 'Slide the back off and put in one new CR2032 battery.'),
  ('sensor'    , 'setup'  , 'Pairing a motion sensor'                  , 'Press the pin hole until the light blinks and choose Add sensor in the app.'),
  ('thermostat', 'heating', 'The thermostat does not heat'             , 'Check that the C wire sits firmly and set the mode to Heat.'),
  ('thermostat', 'wifi'   , 'The thermostat is offline'                , 'Open Settings, choose Network and connect to the wifi again.'),
  ('thermostat', 'display', 'A blank display on the thermostat'        , 'Take the thermostat off the wall, wait one minute and put it back.'),
  ('thermostat', 'setup'  , 'Setting up a thermostat'                  , 'Turn off the power, connect the labelled wires and follow the display.'),
  ('doorbell'  , 'sound'  , 'The doorbell makes no sound'              , 'Open the app, choose Doorbell and turn the chime on.'),
  ('doorbell'  , 'wifi'   , 'The doorbell loses wifi'                  , 'Put the hub within 30 feet of the door and restart the doorbell.'),
  ('doorbell'  , 'battery', 'Charging the doorbell'                    , 'Take the doorbell off its plate and charge it for 5 hours with the cable.'),
  ('doorbell'  , 'setup'  , 'Setting up a doorbell'                    , 'Charge the doorbell, fix its plate beside the door and scan the code.'),
  ('plug'      , 'wifi'   , 'A plug that does not connect'             , 'Hold the plug''s button for 6 seconds and add it again in the app.'),
  ('plug'      , 'light'  , 'An orange light on the plug'              , 'The plug is too warm, so unplug it and use it below 10 amperes.'),
  ('plug'      , 'setup'  , 'Setting up a plug'                        , 'Put the plug in the socket and choose Add plug in the app.'),
  ('lock'      , 'battery', 'Changing the lock''s batteries'           , 'Slide the cover up and put in four new AA batteries.'),
  ('lock'      , 'stuck'  , 'A door lock that sticks'                  , 'Loosen the two screws of the plate by half a turn and calibrate the lock in the app.'),
  ('lock'      , 'setup'  , 'Setting up a door lock'                   , 'Fix the lock on the inside of the door and calibrate it in the app.'),
  ('lamp'      , 'light'  , 'A lamp that flickers'                     , 'Take the lamp off the dimmer and set the brightness in the app.'),
  ('lamp'      , 'setup'  , 'Setting up a lamp'                        , 'Screw the lamp in, switch it on and choose Add lamp in the app.');
