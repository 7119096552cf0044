-- Money is a 64-bit integer in fen, times are milliseconds since 1970-01-01 UTC, enums are text.
-- Checks are written with `or`: for `in` with more than two values SQLite would build a temporary table on every write.

create table payment (
  -- The order in which payments were stored: "newest" means the highest, whatever the clocks said.
  seq               integer primary key,
  id                text    not null unique,
  mchid             text    not null,
  appid             text    not null,
  product           text    not null
                    check (product = 'mini_program' or product = 'jsapi' or product = 'native' or product = 'app'
                           or product = 'h5' or product = 'code'),
  order_no          text    not null,
  amount_fen        integer not null check (amount_fen > 0),
  description       text    not null,
  attach            text,
  created_at        integer not null,
  expires_at        integer not null,
  payer             text,
  -- Where the payer's browser is: its address and kind, for payments in browsers outside WeChat.
  scene_ip          text,
  scene_kind        text,
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
  check (state = 'paid' or (paid_late = 0 and payer_total_fen is null)),
  check ((scene_ip is null) = (scene_kind is null)),
  check (product = 'h5' or scene_ip is null)
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
  -- How it reaches WeChat; the acquirer knows what it means.
  route          text    not null,
  -- Known before it is paid for products inside WeChat only.
  payer          text,
  scene_ip       text,
  scene_kind     text,
  amount_fen     integer not null check (amount_fen > 0),
  description    text    not null,
  attach         text,
  expires_at     integer not null,
  state          text    not null check (state = 'recorded' or state = 'open' or state = 'paid' or state = 'closed' or state = 'rejected'),
  transaction_id text,
  rejected_code  text,
  -- What the payer's cashier is reached with.
  handle_kind    text    check (handle_kind is null or handle_kind = 'prepay_id' or handle_kind = 'code_url' or handle_kind = 'h5_url'),
  handle         text,
  handle_at      integer,
  created_at     integer not null,
  last_sent_at   integer not null,
  sends          integer not null check (sends >= 0),
  asked_at       integer,
  -- Since when it is being taken back: what is charged under it is no payment any more.
  reversing_since integer,
  primary key (mchid, out_trade_no),
  check ((state = 'paid') = (transaction_id is not null)),
  check ((state = 'rejected') = (rejected_code is not null)),
  check ((handle is null) = (handle_at is null)),
  check ((handle is null) = (handle_kind is null)),
  check ((scene_ip is null) = (scene_kind is null))
) strict, without rowid;

create unique index attempt_payment on attempt (payment_id, position);

create table refund (
  -- The order in which refunds were stored.
  seq              integer primary key,
  id               text    not null unique,
  mchid            text    not null,
  payment_id       text    not null references payment (id),
  position         integer not null check (position >= 0),
  refund_no        text,
  out_refund_no    text    not null,
  out_trade_no     text    not null,
  amount_fen       integer not null check (amount_fen > 0),
  reason           text,
  origin           text    not null
                   check (origin = 'merchant' or origin = 'late_policy' or origin = 'surplus_policy' or origin = 'console'),
  state            text    not null
                   check (state = 'recorded' or state = 'processing' or state = 'abnormal'
                          or state = 'succeeded' or state = 'closed' or state = 'rejected'),
  -- When the money went back, or when we learned that it will not.
  ended_at         integer,
  rejected_code    text,
  wechat_id        text,
  received_account text,
  trouble_code     text,
  trouble_message  text,
  trouble_kind     text    check (trouble_kind is null or trouble_kind = 'not_enough' or trouble_kind = 'refused' or trouble_kind = 'passing'),
  created_at       integer not null,
  last_sent_at     integer not null,
  sends            integer not null check (sends >= 0),
  asked_at         integer,
  remedied_at      integer,
  unique (mchid, out_refund_no),
  foreign key (mchid, out_trade_no) references attempt (mchid, out_trade_no),
  check ((state = 'succeeded' or state = 'closed') = (ended_at is not null)),
  check ((state = 'rejected') = (rejected_code is not null)),
  check ((trouble_code is null) = (trouble_kind is null)),
  check ((trouble_message is null) = (trouble_kind is null))
) strict;

create unique index refund_payment on refund (payment_id, position);
create unique index refund_no on refund (payment_id, refund_no) where refund_no is not null;
create index refund_mchid on refund (mchid);
create index refund_state on refund (mchid, state);

-- Movements of money. Only ever inserted.
create table posting (
  seq           integer primary key,
  mchid         text    not null,
  kind          text    not null check (kind = 'paid' or kind = 'reserve' or kind = 'release' or kind = 'refunded'),
  payment_id    text    not null,
  out_trade_no  text    not null,
  out_refund_no text,
  amount_fen    integer not null check (amount_fen > 0),
  at            integer not null,
  check ((kind = 'paid') = (out_refund_no is null))
) strict;

-- An order is paid once, and a refund goes back once.
create unique index posting_paid on posting (mchid, out_trade_no) where kind = 'paid';
create unique index posting_refunded on posting (mchid, out_refund_no) where kind = 'refunded';
create index posting_payment on posting (payment_id);
-- Money that came or went, by when we learned it: to be looked for in bills.
create index posting_money on posting (mchid, at) where kind = 'paid' or kind = 'refunded';
-- Holds all that a balance is made of, so that adding it up reads nothing else.
create index posting_balance on posting (mchid, kind, amount_fen);

create trigger posting_is_never_changed before update on posting
begin
  select raise(abort, 'a posting is never changed');
end;

create trigger posting_is_never_deleted before delete on posting
begin
  select raise(abort, 'a posting is never deleted');
end;

create table event (
  -- Grows in the order of commits: there is one writer.
  seq        integer primary key autoincrement,
  id         text    not null unique,
  mchid      text    not null,
  type       text    not null,
  payment_id text,
  refund_id  text,
  at         integer not null,
  data       text    not null
) strict;

create index event_mchid on event (mchid);

create table webhook_endpoint (
  -- The order in which endpoints were stored.
  seq           integer primary key,
  id            text    not null unique,
  mchid         text    not null,
  url           text    not null,
  description   text    not null,
  -- Names with a space between them; '' for all types.
  event_types   text    not null,
  state         text    not null check (state = 'enabled' or state = 'disabled'),
  disabled_at   integer,
  by_failure    integer not null default 0 check (by_failure in (0, 1)),
  created_at    integer not null,
  failing_since integer,
  -- For deliveries, which can only be of the endpoint's own merchant.
  unique (id, mchid),
  check ((state = 'disabled') = (disabled_at is not null)),
  check (state = 'disabled' or by_failure = 0)
) strict;

create index webhook_endpoint_mchid on webhook_endpoint (mchid);

-- Newest first, from position 0.
create table webhook_secret (
  endpoint_id text    not null references webhook_endpoint (id),
  position    integer not null check (position >= 0),
  secret      text    not null,
  expires_at  integer,
  primary key (endpoint_id, position)
) strict, without rowid;

create table webhook_delivery (
  endpoint_id  text    not null,
  -- The event's place in the order of commits: deliveries are kept, sent and listed in this order.
  event_seq    integer not null references event (seq),
  event_id     text    not null,
  mchid        text    not null,
  event_type   text    not null,
  state        text    not null check (state = 'pending' or state = 'delivered' or state = 'failed'),
  due_at       integer,
  ended_at     integer,
  tries        integer not null check (tries >= 0),
  requested_at integer not null,
  primary key (endpoint_id, event_seq),
  foreign key (endpoint_id, mchid) references webhook_endpoint (id, mchid),
  check ((state = 'pending') = (due_at is not null)),
  check ((state = 'pending') = (ended_at is null))
) strict, without rowid;

-- What is pending or failed is little among all. Pending: one index to send in the order of events, one to find when
-- something is due. Failed: to be listed and sent again.
create index webhook_delivery_pending on webhook_delivery (endpoint_id, event_seq, due_at) where state = 'pending';
create index webhook_delivery_due on webhook_delivery (endpoint_id, due_at) where state = 'pending';
create index webhook_delivery_failed on webhook_delivery (endpoint_id, event_seq) where state = 'failed';

create table webhook_delivery_attempt (
  endpoint_id text    not null,
  event_seq   integer not null,
  position    integer not null check (position >= 0),
  at          integer not null,
  took_ms     integer not null,
  status      integer,
  reason      text,
  primary key (endpoint_id, event_seq, position),
  foreign key (endpoint_id, event_seq) references webhook_delivery (endpoint_id, event_seq),
  check ((status is null) = (reason is not null))
) strict, without rowid;

-- owner is a payment, the endpoint that is to get webhooks, or the merchant whose bill is to be had. number is the attempt's or refund's, or the date of
-- the bill, '' if there is none.
create table task (
  owner  text    not null,
  kind   text    not null
         check (kind = 'send_prepay' or kind = 'query_attempt' or kind = 'close_attempt' or kind = 'expire_payment'
                or kind = 'send_refund' or kind = 'query_refund' or kind = 'deliver_webhooks' or kind = 'fetch_bill'),
  number text    not null,
  lane   text    not null check (lane = 'money' or lane = 'webhook' or lane = 'bill'),
  mchid  text    not null,
  due_at integer not null,
  tries  integer not null check (tries >= 0),
  lease  integer,
  primary key (owner, kind, number),
  check ((kind = 'deliver_webhooks') = (lane = 'webhook')),
  check ((kind = 'fetch_bill') = (lane = 'bill'))
) strict, without rowid;

create index task_due on task (lane, due_at);

create table notification (
  seq          integer primary key,
  mchid        text    not null,
  wechat_id    text    not null,
  event_type   text    not null,
  out_trade_no text,
  payment_id   text,
  received_at  integer not null,
  serial       text    not null,
  effect       text    not null check (effect = 'applied' or effect = 'known' or effect = 'mismatch' or effect = 'too_early' or effect = 'asked' or effect = 'ignored'),
  body         blob    not null
) strict;

create index notification_mchid on notification (mchid);

-- out_trade_no, out_refund_no and bill_date are '' for incidents that are not about one.
create table incident (
  seq           integer primary key,
  mchid         text    not null,
  kind          text    not null,
  out_trade_no  text    not null,
  out_refund_no text    not null,
  bill_date     text    not null,
  payment_id    text,
  at            integer not null,
  detail        text    not null,
  unique (mchid, kind, out_trade_no, out_refund_no, bill_date)
) strict;

create index incident_mchid on incident (mchid);

-- A merchant's day: date is that of Beijing, yyyy-MM-dd. bill_* is what WeChat's bill says, the same without bill_ what of it is in our books; fees are in
-- thousandths of a fen.
create table reconciliation (
  mchid             text    not null,
  date              text    not null,
  state             text    not null
                    check (state = 'waiting' or state = 'checking' or state = 'completed' or state = 'empty' or state = 'unavailable'),
  bill_payments     integer,
  bill_paid_fen     integer,
  bill_refunds      integer,
  bill_refunded_fen integer,
  bill_revoked      integer,
  bill_fees         integer,
  payments          integer not null check (payments >= 0),
  paid_fen          integer not null,
  refunds           integer not null check (refunds >= 0),
  refunded_fen      integer not null,
  revoked           integer not null check (revoked >= 0),
  fees              integer not null,
  tries             integer not null check (tries >= 0),
  trouble           text,
  fetched_at        integer,
  completed_at      integer,
  primary key (mchid, date),
  check ((bill_payments is null) = (bill_paid_fen is null)),
  check ((bill_payments is null) = (bill_refunds is null)),
  check ((bill_payments is null) = (bill_refunded_fen is null)),
  check ((bill_payments is null) = (bill_revoked is null)),
  check ((bill_payments is null) = (bill_fees is null))
) strict, without rowid;

-- Lines that bills had. out_refund_no is '' for payments.
create table bill_line (
  mchid         text    not null,
  out_trade_no  text    not null,
  out_refund_no text    not null,
  date          text    not null,
  amount_fen    integer not null,
  primary key (mchid, out_trade_no, out_refund_no)
) strict, without rowid;

-- Numbers as the bill or our books have them. out_refund_no is '' if it is not about a refund.
create table difference (
  -- The order in which differences were found.
  seq              integer primary key,
  mchid            text    not null,
  date             text    not null,
  kind             text    not null,
  out_trade_no     text    not null,
  out_refund_no    text    not null,
  transaction_id   text,
  wechat_refund_id text,
  payment_id       text,
  bill_fen         integer,
  books_fen        integer,
  state            text    not null check (state = 'asked' or state = 'open' or state = 'resolved'),
  resolved_at      integer,
  resolved_by      text    check (resolved_by is null or resolved_by = 'books' or resolved_by = 'bill'),
  found_at         integer not null,
  detail           text    not null,
  unique (mchid, date, kind, out_trade_no, out_refund_no),
  check ((state = 'resolved') = (resolved_at is not null)),
  check ((state = 'resolved') = (resolved_by is not null))
) strict;

create index difference_unresolved on difference (mchid) where state <> 'resolved';

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
