// What keeps a slip of somebody's hand from the tables that evidence is in: triggers, which refuse to change
// events, to delete those that have not expired or that a legal hold keeps, and to empty a table. They stop
// accidents, not attackers, whom the log shows. Whoever means it says so in the same transaction, as all of
// ours do: retention, erasure, the move of events to their month, pruning. Inserts meet no trigger, nor does
// what is replicated or restored (session_replication_role is replica there, or the triggers come last).
#pragma once

#include <string>
#include <string_view>

namespace storagepool::tables {

// For a transaction that changes what the triggers guard.
inline constexpr const char* kMaintains = "SET LOCAL storagepool.maintenance = 'on'";

// Of a migration. Releases that do not know of it move events out of the default partition under the
// advisory lock of partitions.cc, so that says it as well.
inline constexpr std::string_view kMakeGuards = R"sql(
CREATE FUNCTION storagepool_guard() RETURNS trigger LANGUAGE plpgsql AS $guard$
DECLARE
  why text := 'what this table holds stays as it is';
  held boolean;
BEGIN
  IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN
    why := format('event %s is kept for %s days', OLD.event_id, OLD.retention_days);
    IF OLD.event_timestamp + OLD.retention_days * interval '24 hours' <= now() THEN
      EXECUTE format('SELECT EXISTS (SELECT FROM %I.audit_legal_holds '
        'WHERE correlation_id = $1 AND released_at IS NULL)', TG_TABLE_SCHEMA) INTO held USING OLD.correlation_id;
      IF NOT held THEN
        RETURN OLD;
      END IF;
      why := format('a legal hold keeps event %s', OLD.event_id);
    END IF;
    IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
      AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = 8318198472447784051) THEN
      PERFORM set_config('storagepool.maintenance', 'on', true);
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME, why USING
    ERRCODE = 'object_not_in_prerequisite_state',
    HINT = 'Whoever means it says so first, in the same transaction: SET LOCAL storagepool.maintenance = ''on''.';
END $guard$;
COMMENT ON FUNCTION storagepool_guard IS
  'refuses accidents; SET LOCAL storagepool.maintenance = ''on'' lets a transaction do what is meant';
CREATE TRIGGER storagepool_guard_rows BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW
  WHEN (current_setting('storagepool.maintenance', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION storagepool_guard();
DO $do$
DECLARE
  of text;
  what text;
BEGIN
  FOR of, what IN VALUES ('audit_events', 'TRUNCATE'), ('audit_events_default', 'TRUNCATE'),
    ('audit_batches', 'UPDATE OR DELETE OR TRUNCATE'),
    ('audit_seals', 'UPDATE OR DELETE OR TRUNCATE'), ('audit_nodes', 'UPDATE OR DELETE OR TRUNCATE'),
    ('audit_log', 'DELETE OR TRUNCATE'), ('audit_expiry', 'DELETE OR TRUNCATE'),
    ('audit_legal_holds', 'DELETE OR TRUNCATE')
  LOOP
    EXECUTE format('CREATE TRIGGER storagepool_guard BEFORE %s ON %I FOR EACH STATEMENT '
      'WHEN (current_setting(''storagepool.maintenance'', true) IS DISTINCT FROM ''on'') '
      'EXECUTE FUNCTION storagepool_guard()', what, of);
  END LOOP;
END $do$)sql";

// Triggers of rows come to a partition by themselves, that against TRUNCATE does not. A partition of ours,
// whichever release made it, that has none; no row: all have it.
inline constexpr std::string_view kFindUnguarded = R"sql(
SELECT pg_class.oid::regclass FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'audit_events'::regclass AND relkind = 'r' AND pg_has_role(relowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = 'storagepool_guard')
LIMIT 1)sql";

inline std::string guard_partition(const std::string& partition) {
  return "CREATE TRIGGER storagepool_guard BEFORE TRUNCATE ON " + partition +
         " FOR EACH STATEMENT WHEN (current_setting('storagepool.maintenance', true) IS DISTINCT FROM 'on') "
         "EXECUTE FUNCTION storagepool_guard()";
}

}  // namespace storagepool::tables
