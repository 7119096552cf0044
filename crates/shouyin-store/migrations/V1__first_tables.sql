-- Money is a 64-bit integer in fen, times are milliseconds since 1970-01-01 UTC, enums are text.
-- Checks are written with `or`: for `in` with more than two values SQLite would build a temporary table on every write.

create table payment (
  -- The order in which payments were stored: "newest" means the highest, whatever the clocks said.
  seq               integer primary key,
  id                text    not null unique,
  mchid             text    not null,
  appid             text    not null,
  order_no          text    not null,
  amount_fen        integer not null check (amount_fen > 0),
  description       text    not null,
  attach            text,
  created_at        integer not null,
  expires_at        integer not null,
  payer             text,
  state             text    not null check (state = 'open' or state = 'closing' or state = 'paid' or state = 'closed'),
  close_reason      text    check (close_reason in ('merchant', 'expired')),
  closed_at         integer,
  paid_at           integer,
  transaction_id    text,
  paid_out_trade_no text,
  payer_total_fen   integer,
  paid_late         integer not null default 0 check (paid_late in (0, 1)),
  check ((state in ('closing', 'closed')) = (close_reason is not null)),
  check ((state = 'closed') = (closed_at is not null)),
  check ((state = 'paid') = (paid_at is not null)),
  check ((state = 'paid') = (transaction_id is not null)),
  check ((state = 'paid') = (paid_out_trade_no is not null)),
  check (state = 'paid' or (paid_late = 0 and payer_total_fen is null))
) strict;

create index payment_order_no on payment (mchid, order_no);

-- An order number has one current payment. Late money on a closed payment does not make it current again:
-- the shop may have asked anew since, and both facts must be kept.
create unique index payment_current on payment (mchid, order_no)
  where state <> 'closed' and paid_late = 0;

create index payment_mchid on payment (mchid);

-- Unfinished payments are few among all; people look for them most.
create index payment_unfinished on payment (mchid, state)
  where state in ('open', 'closing');

create table attempt (
  mchid          text    not null,
  out_trade_no   text    not null,
  payment_id     text    not null references payment (id),
  position       integer not null check (position >= 0),
  payer          text    not null,
  state          text    not null check (state = 'recorded' or state = 'open' or state = 'paid' or state = 'closed' or state = 'rejected'),
  transaction_id text,
  rejected_code  text,
  prepay_id      text,
  prepay_at      integer,
  created_at     integer not null,
  last_sent_at   integer not null,
  sends          integer not null check (sends >= 0),
  asked_at       integer,
  primary key (mchid, out_trade_no),
  check ((state = 'paid') = (transaction_id is not null)),
  check ((state = 'rejected') = (rejected_code is not null)),
  check ((prepay_id is null) = (prepay_at is null))
) strict, without rowid;

create unique index attempt_payment on attempt (payment_id, position);

create table event (
  -- Grows in the order of commits: there is one writer.
  seq        integer primary key autoincrement,
  id         text    not null unique,
  mchid      text    not null,
  type       text    not null,
  payment_id text    not null,
  at         integer not null,
  data       text    not null
) strict;

create index event_mchid on event (mchid);

-- out_trade_no is '' for tasks about the payment itself.
create table task (
  payment_id   text    not null,
  kind         text    not null
               check (kind = 'send_prepay' or kind = 'query_attempt' or kind = 'close_attempt' or kind = 'expire_payment'),
  out_trade_no text    not null,
  mchid        text    not null,
  due_at       integer not null,
  tries        integer not null check (tries >= 0),
  lease        integer,
  primary key (payment_id, kind, out_trade_no)
) strict, without rowid;

create index task_due on task (due_at);

create table notification (
  seq          integer primary key,
  mchid        text    not null,
  wechat_id    text    not null,
  event_type   text    not null,
  out_trade_no text,
  payment_id   text,
  received_at  integer not null,
  serial       text    not null,
  effect       text    not null check (effect = 'applied' or effect = 'known' or effect = 'mismatch' or effect = 'ignored'),
  body         blob    not null
) strict;

create index notification_mchid on notification (mchid);

create table incident (
  seq          integer primary key,
  mchid        text    not null,
  kind         text    not null,
  out_trade_no text    not null,
  payment_id   text,
  at           integer not null,
  detail       text    not null,
  unique (mchid, kind, out_trade_no)
) strict;

create index incident_mchid on incident (mchid);

create table idempotency (
  mchid       text    not null,
  key         text    not null,
  fingerprint text    not null,
  status      integer not null,
  body        text    not null,
  created_at  integer not null,
  unique (mchid, key)
) strict;

create table session (
  seq        integer primary key,
  token_hash text    not null unique,
  appid      text    not null,
  openid     text    not null,
  code_hash  text    not null,
  created_at integer not null,
  expires_at integer not null
) strict;

create index session_code on session (appid, code_hash);
create index session_end on session (expires_at);

create table api_key (
  hash       text    primary key,
  mchid      text    not null,
  name       text    not null,
  created_at integer not null
) strict, without rowid;

-- Written by readiness probes: the only proof that a database can be written is writing.
create table probe (
  id    integer primary key check (id = 1),
  count integer not null
) strict;

insert into probe (id, count) values (1, 0);
