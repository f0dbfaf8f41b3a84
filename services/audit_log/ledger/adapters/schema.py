"""Tables of the ledger. The app role may add entries and read them, nothing else; triggers refuse the rest even to the owner.

`ledger_payload` stands apart: an erasure deletes a payload and its salt (`ledger_erase`), while entry, leaf and tree stay.
Tiles may only grow: the stored hashes stay a prefix of the new ones. `ledger_agent` lets staff be searched by name; it is no
evidence, and no client's name stands in it. `ledger_vkey`: every key a checkpoint was signed by, and from which size.
`ledger_cosignature`: the newest checkpoint that each witness cosigned.
"""

from typing import Final

from shared.eventstore.schema import tenant_table

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ledger_entry (
  tenant_id text NOT NULL,
  idx bigint NOT NULL CHECK (idx >= 0),
  leaf bytea NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL,
  action text NOT NULL,
  outcome text NOT NULL,
  purpose text,
  agent text NOT NULL,
  agent_role text NOT NULL,
  service text NOT NULL,
  client_id text,
  request_id text NOT NULL,
  CONSTRAINT ledger_entry_pkey PRIMARY KEY (tenant_id, idx)
);
CREATE INDEX IF NOT EXISTS ledger_entry_client ON ledger_entry (tenant_id, client_id, idx) WHERE client_id IS NOT NULL;
DROP INDEX IF EXISTS ledger_entry_agent, ledger_entry_purpose, ledger_entry_action, ledger_entry_denied;
CREATE INDEX IF NOT EXISTS ledger_entry_agent_at ON ledger_entry (tenant_id, agent, at, idx, purpose, action);
CREATE INDEX IF NOT EXISTS ledger_entry_kind ON ledger_entry (tenant_id, kind, idx);
CREATE INDEX IF NOT EXISTS ledger_entry_at ON ledger_entry (tenant_id, at);
CREATE INDEX IF NOT EXISTS ledger_entry_purpose_at ON ledger_entry (tenant_id, purpose, at, idx, action);
CREATE INDEX IF NOT EXISTS ledger_entry_action_at ON ledger_entry (tenant_id, action, at, idx, purpose);
CREATE INDEX IF NOT EXISTS ledger_entry_refused ON ledger_entry (tenant_id, outcome, at, idx, purpose, action, kind)
  WHERE outcome <> 'permit';
CREATE INDEX IF NOT EXISTS ledger_entry_refused_agent ON ledger_entry (tenant_id, agent, at, client_id) WHERE outcome = 'deny';
CREATE TABLE IF NOT EXISTS ledger_payload (
  tenant_id text NOT NULL,
  idx bigint NOT NULL,
  payload bytea NOT NULL,
  salt bytea NOT NULL,
  CONSTRAINT ledger_payload_pkey PRIMARY KEY (tenant_id, idx)
);
CREATE TABLE IF NOT EXISTS ledger_record (
  tenant_id text NOT NULL,
  idx bigint NOT NULL,
  record_id text NOT NULL,
  record_type text NOT NULL,
  decision text NOT NULL,
  CONSTRAINT ledger_record_pkey PRIMARY KEY (tenant_id, idx, record_id)
);
CREATE INDEX IF NOT EXISTS ledger_record_record ON ledger_record (tenant_id, record_id, idx);
CREATE TABLE IF NOT EXISTS ledger_agent (
  tenant_id text NOT NULL,
  name text NOT NULL,
  sub text NOT NULL,
  CONSTRAINT ledger_agent_pkey PRIMARY KEY (tenant_id, name, sub)
);
CREATE INDEX IF NOT EXISTS ledger_agent_sub ON ledger_agent (tenant_id, sub);
CREATE TABLE IF NOT EXISTS ledger_tile (
  tenant_id text NOT NULL,
  level int NOT NULL,
  idx bigint NOT NULL,
  hashes bytea NOT NULL,
  CONSTRAINT ledger_tile_pkey PRIMARY KEY (tenant_id, level, idx)
);
CREATE TABLE IF NOT EXISTS ledger_vkey (
  tenant_id text NOT NULL,
  vkey text NOT NULL,
  since_size bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ledger_vkey_pkey PRIMARY KEY (tenant_id, vkey)
);
CREATE TABLE IF NOT EXISTS ledger_cosignature (
  tenant_id text NOT NULL,
  witness text NOT NULL,
  size bigint NOT NULL,
  note bytea NOT NULL,
  lines text NOT NULL,
  cosigned_at timestamptz NOT NULL,
  collected_at timestamptz NOT NULL,
  CONSTRAINT ledger_cosignature_pkey PRIMARY KEY (tenant_id, witness)
);
"""

_RULES: Final = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE FUNCTION ledger_tile_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF length(NEW.hashes) < length(OLD.hashes) OR substring(NEW.hashes FROM 1 FOR length(OLD.hashes)) <> OLD.hashes
    OR (NEW.tenant_id, NEW.level, NEW.idx) <> (OLD.tenant_id, OLD.level, OLD.idx) THEN
    RAISE EXCEPTION 'a tile only grows' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER ledger_entry_fixed BEFORE UPDATE OR DELETE ON ledger_entry
  FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_record_fixed BEFORE UPDATE OR DELETE ON ledger_record
  FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_payload_fixed BEFORE UPDATE ON ledger_payload
  FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_tile_fixed BEFORE DELETE ON ledger_tile
  FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_tile_grows BEFORE UPDATE ON ledger_tile
  FOR EACH ROW EXECUTE FUNCTION ledger_tile_grows();
CREATE OR REPLACE TRIGGER ledger_entry_kept BEFORE TRUNCATE ON ledger_entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_record_kept BEFORE TRUNCATE ON ledger_record
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_payload_kept BEFORE TRUNCATE ON ledger_payload
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE TRIGGER ledger_tile_kept BEFORE TRUNCATE ON ledger_tile
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE OR REPLACE FUNCTION ledger_erase(indexes bigint[]) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH gone AS (
    DELETE FROM ledger_payload p
    WHERE p.tenant_id = current_setting('app.tenant_id') AND p.idx = ANY (indexes)
      AND NOT EXISTS (SELECT FROM ledger_entry e WHERE e.tenant_id = p.tenant_id AND e.idx = p.idx AND e.kind = 'erasure')
    RETURNING 1)
  SELECT count(*) FROM gone
$$;
"""

# A function, because it names the tenant to row-level security and writes in one trip (docs/adr/0075 has the same for events).
_APPEND: Final = """
CREATE OR REPLACE FUNCTION ledger_append(
  p_tenant text, p_idx bigint[], p_leaf bytea[], p_at timestamptz[], p_kind text[], p_action text[], p_outcome text[],
  p_purpose text[], p_agent text[], p_agent_role text[], p_service text[], p_client_id text[], p_request_id text[],
  p_payload bytea[], p_salt bytea[],
  p_record_idx bigint[], p_record_id text[], p_record_type text[], p_decision text[],
  p_agent_name text[], p_agent_sub text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant, true);
  INSERT INTO ledger_entry (tenant_id, idx, leaf, at, kind, action, outcome, purpose, agent, agent_role, service, client_id,
                            request_id)
  SELECT p_tenant, * FROM unnest(p_idx, p_leaf, p_at, p_kind, p_action, p_outcome, p_purpose, p_agent, p_agent_role, p_service,
                                 p_client_id, p_request_id);
  INSERT INTO ledger_payload (tenant_id, idx, payload, salt) SELECT p_tenant, * FROM unnest(p_idx, p_payload, p_salt);
  INSERT INTO ledger_record (tenant_id, idx, record_id, record_type, decision)
  SELECT p_tenant, * FROM unnest(p_record_idx, p_record_id, p_record_type, p_decision);
  INSERT INTO ledger_agent (tenant_id, name, sub)
  SELECT p_tenant, * FROM unnest(p_agent_name, p_agent_sub) ON CONFLICT DO NOTHING;
END $$;
"""


def schema(app_role: str) -> list[str]:
    """Idempotent DDL, run by the owner. `app_role` is the role that requests run as."""
    role = '"' + app_role.replace('"', '""') + '"'
    statements = [_TABLES]
    tables = ("ledger_entry", "ledger_payload", "ledger_record", "ledger_agent", "ledger_tile", "ledger_vkey")
    for table in (*tables, "ledger_cosignature"):
        statements += tenant_table(table)
    statements += [
        _RULES,
        _APPEND,
        f"REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entry, ledger_payload, ledger_record, ledger_agent, ledger_vkey FROM {role}",
        f"REVOKE DELETE, TRUNCATE ON ledger_tile, ledger_cosignature FROM {role}",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        "REVOKE ALL ON FUNCTION ledger_erase(bigint[]) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION ledger_erase(bigint[]) TO {role}",
    ]
    return statements
