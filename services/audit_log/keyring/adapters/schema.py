"""Tables of the keyring: a database of its own, so that a dump of any other holds no key.

`data_key` is the one mutable table of clients' key material, `gate_key` holds the gate's own (ADR 0015). A shredded row stays
and can never change again; `fence` refuses new keys, also for a client who had none. Functions set the tenant themselves: one
statement, one round trip.
"""

from typing import Final

from services.audit_log.keyring.domain.keys import KeyState
from shared.contracts.records import KeyClass
from shared.eventstore.schema import tenant_table

_CLASSES: Final = ", ".join(f"'{c}'" for c in KeyClass)
_STATES: Final = ", ".join(f"'{s}'" for s in KeyState)

_TABLES: Final = (
    f"""
CREATE TABLE IF NOT EXISTS data_key (
  tenant_id text NOT NULL,
  kid text NOT NULL,
  client_id text NOT NULL,
  key_class text NOT NULL CHECK (key_class IN ({_CLASSES})),
  version int NOT NULL CHECK (version > 0),
  state text NOT NULL CHECK (state IN ({_STATES})),
  wrapped bytea,
  kms_epoch int NOT NULL,
  created_at timestamptz NOT NULL,
  shredded_at timestamptz,
  erasure_id uuid,
  CONSTRAINT data_key_pkey PRIMARY KEY (tenant_id, kid),
  CONSTRAINT data_key_version UNIQUE (tenant_id, client_id, key_class, version),
  CONSTRAINT data_key_gone CHECK ((state = 'shredded') = (wrapped IS NULL) AND (state = 'shredded') = (shredded_at IS NOT NULL))
)""",
    "ALTER TABLE data_key ADD COLUMN IF NOT EXISTS uses bigint NOT NULL DEFAULT 0",
    """
CREATE UNIQUE INDEX IF NOT EXISTS data_key_active ON data_key (tenant_id, client_id, key_class) WHERE state = 'active'""",
    f"""
CREATE TABLE IF NOT EXISTS fence (
  tenant_id text NOT NULL,
  client_id text NOT NULL,
  key_class text NOT NULL CHECK (key_class IN ({_CLASSES})),
  erasure_id uuid NOT NULL,
  CONSTRAINT fence_pkey PRIMARY KEY (tenant_id, client_id, key_class)
)""",
    # of the gate itself, under the tenant that stands for the deployment: the private halves of ADR 0015
    f"""
CREATE TABLE IF NOT EXISTS gate_key (
  tenant_id text NOT NULL,
  kid text NOT NULL,
  public_key bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('{KeyState.ACTIVE}', '{KeyState.SHREDDED}')),
  wrapped bytea,
  kms_epoch int NOT NULL,
  created_at timestamptz NOT NULL,
  shredded_at timestamptz,
  CONSTRAINT gate_key_pkey PRIMARY KEY (tenant_id, kid),
  CONSTRAINT gate_key_gone CHECK ((state = 'shredded') = (wrapped IS NULL) AND (state = 'shredded') = (shredded_at IS NOT NULL))
)""",
    f"""
CREATE TABLE IF NOT EXISTS gate_key_use (
  tenant_id text NOT NULL,
  client_id text NOT NULL,
  key_class text NOT NULL CHECK (key_class IN ({_CLASSES})),
  kid text NOT NULL,
  CONSTRAINT gate_key_use_pkey PRIMARY KEY (tenant_id, client_id, key_class, kid)
)""",
    # what was asked of the KMS, and what its own log holds besides: of the deployment, no tenant's
    """
CREATE TABLE IF NOT EXISTS kms_call (
  tenant_id text NOT NULL,
  at timestamptz NOT NULL,
  operation text NOT NULL,
  context bytea NOT NULL,
  request_id text
)""",
    "CREATE INDEX IF NOT EXISTS kms_call_at ON kms_call (tenant_id, at)",
    """
CREATE TABLE IF NOT EXISTS kms_finding (
  tenant_id text NOT NULL,
  request_id text NOT NULL,
  at timestamptz NOT NULL,
  reason text NOT NULL,
  operation text NOT NULL,
  remote_address text NOT NULL,
  of_tenant text,
  of_client text,
  key_class text,
  kid text,
  told_at timestamptz,
  CONSTRAINT kms_finding_pkey PRIMARY KEY (tenant_id, request_id)
)""",
    """
CREATE TABLE IF NOT EXISTS keyring_tenant (
  tenant_id text NOT NULL,
  CONSTRAINT keyring_tenant_pkey PRIMARY KEY (tenant_id)
)""",
)

_GUARD: Final = """
CREATE OR REPLACE FUNCTION keep_what_was_shredded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state <> 'shredded' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a key is never deleted, and a shredded one never changes' USING ERRCODE = 'restrict_violation';
END $$
"""

_KEYS_OF: Final = """
CREATE OR REPLACE FUNCTION keys_of(p_tenant text, p_kids text[])
RETURNS TABLE(kid text, client_id text, key_class text, state text, wrapped bytea) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant, true);
  RETURN QUERY SELECT k.kid, k.client_id, k.key_class, k.state, k.wrapped
    FROM data_key k WHERE k.tenant_id = p_tenant AND k.kid = ANY(p_kids);
END $$
"""

_KEY_IN_USE: Final = """
CREATE OR REPLACE FUNCTION key_in_use(p_tenant text, p_client text, p_class text)
RETURNS TABLE(fenced boolean, kid text, wrapped bytea, created_at timestamptz, uses bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant, true);
  RETURN QUERY
    SELECT EXISTS (SELECT FROM fence f WHERE f.tenant_id = p_tenant AND f.client_id = p_client AND f.key_class = p_class),
           k.kid, k.wrapped, k.created_at, k.uses
    FROM (SELECT) AS one_row LEFT JOIN data_key k
      ON k.tenant_id = p_tenant AND k.client_id = p_client AND k.key_class = p_class AND k.state = 'active';
END $$
"""

# The client's lock orders a new key and a fence: either the fence finds the key, or the key finds the fence.
# `p_replaces`: the kid that gives way, null at first use; whoever finds another one in use takes that.
_ADD_KEY: Final = """
CREATE OR REPLACE FUNCTION add_version(p_tenant text, p_client text, p_class text, p_kid text, p_wrapped bytea, p_epoch int,
                                       p_at timestamptz, p_replaces text)
RETURNS TABLE(fenced boolean, kid text, wrapped bytea, created_at timestamptz, uses bigint) LANGUAGE plpgsql AS $$
DECLARE found_one record;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant, true);
  PERFORM pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_client, 0));
  SELECT * INTO found_one FROM key_in_use(p_tenant, p_client, p_class);
  IF found_one.fenced OR found_one.kid IS DISTINCT FROM p_replaces THEN
    RETURN QUERY SELECT found_one.fenced, found_one.kid, found_one.wrapped, found_one.created_at, found_one.uses;
    RETURN;
  END IF;
  UPDATE data_key k SET state = 'retired' WHERE k.tenant_id = p_tenant AND k.kid = found_one.kid;
  INSERT INTO keyring_tenant VALUES (p_tenant) ON CONFLICT DO NOTHING;
  INSERT INTO data_key (tenant_id, kid, client_id, key_class, version, state, wrapped, kms_epoch, created_at)
    SELECT p_tenant, p_kid, p_client, p_class, coalesce(max(k.version), 0) + 1, 'active', p_wrapped, p_epoch, p_at
    FROM data_key k WHERE k.tenant_id = p_tenant AND k.client_id = p_client AND k.key_class = p_class;
  RETURN QUERY SELECT false, p_kid, p_wrapped, p_at, 0::bigint;
END $$
"""

_FENCE: Final = """
CREATE OR REPLACE FUNCTION fence_keys(p_tenant text, p_client text, p_classes text[], p_erasure uuid)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant, true);
  PERFORM pg_advisory_xact_lock(hashtextextended(p_tenant || '/' || p_client, 0));
  INSERT INTO keyring_tenant VALUES (p_tenant) ON CONFLICT DO NOTHING;
  INSERT INTO fence SELECT p_tenant, p_client, c, p_erasure FROM unnest(p_classes) AS c ON CONFLICT DO NOTHING;
  UPDATE data_key k SET state = 'fenced', erasure_id = p_erasure
    WHERE k.tenant_id = p_tenant AND k.client_id = p_client AND k.key_class = ANY(p_classes) AND k.state IN ('active', 'retired');
END $$
"""

_SHRED: Final = """
CREATE OR REPLACE FUNCTION shred_keys(p_tenant text, p_client text, p_classes text[], p_erasure uuid, p_at timestamptz)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fence_keys(p_tenant, p_client, p_classes, p_erasure);
  UPDATE data_key k SET state = 'shredded', wrapped = NULL, shredded_at = p_at, erasure_id = p_erasure
    WHERE k.tenant_id = p_tenant AND k.client_id = p_client AND k.key_class = ANY(p_classes) AND k.state <> 'shredded';
  RETURN QUERY SELECT k.kid FROM data_key k
    WHERE k.tenant_id = p_tenant AND k.client_id = p_client AND k.key_class = ANY(p_classes) ORDER BY k.key_class, k.version;
END $$
"""

_OF_TENANTS: Final = ("data_key", "fence", "gate_key", "gate_key_use", "kms_call", "kms_finding", "keyring_tenant")

SCHEMA: Final[tuple[str, ...]] = (
    *_TABLES,
    *(statement for table in _OF_TENANTS for statement in tenant_table(table)),
    # names of tenants alone, so that rewrapping and the restore drill reach each of them
    "DROP POLICY IF EXISTS keyring_tenant_list ON keyring_tenant",
    "CREATE POLICY keyring_tenant_list ON keyring_tenant FOR SELECT USING (true)",
    _GUARD,
    "DROP TRIGGER IF EXISTS data_key_guard ON data_key",
    "CREATE TRIGGER data_key_guard BEFORE UPDATE OR DELETE ON data_key FOR EACH ROW EXECUTE FUNCTION keep_what_was_shredded()",
    "DROP TRIGGER IF EXISTS data_key_whole ON data_key",
    "CREATE TRIGGER data_key_whole BEFORE TRUNCATE ON data_key FOR EACH STATEMENT EXECUTE FUNCTION keep_what_was_shredded()",
    "DROP TRIGGER IF EXISTS gate_key_guard ON gate_key",
    "CREATE TRIGGER gate_key_guard BEFORE UPDATE OR DELETE ON gate_key FOR EACH ROW EXECUTE FUNCTION keep_what_was_shredded()",
    _KEYS_OF,
    # by their older names and shapes
    "DROP FUNCTION IF EXISTS add_key(text, text, text, text, bytea, int, timestamptz, boolean)",
    "DROP FUNCTION IF EXISTS current_key(text, text, text)",
    _KEY_IN_USE,
    _ADD_KEY,
    _FENCE,
    _SHRED,
)
"""Idempotent; run by the owner."""
