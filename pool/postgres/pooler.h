// Poolers between this program and the server, private to this folder. One that gives each session a server
// connection of its own until it ends (PgBouncer's session mode) is as good as the server. One that shares
// them between transactions (transaction and statement mode) is not: settings, locks and prepared statements
// of one session would be another's. It is known by a mark that is set in each session: a new one that has it
// already, or loses it between two transactions, is not our own.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

// Marks the session. Its row is for `read_taken`.
inline constexpr std::string_view kTakeSession =
    "SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', before, "
    "set_config('storagepool.session', 'taken', false) FROM (SELECT coalesce(current_setting("
    "'storagepool.session', true) = 'taken', false) AS before OFFSET 0) AS session";
// Whether it is marked.
inline constexpr std::string_view kIsTaken =
    "SELECT coalesce(current_setting('storagepool.session', true) = 'taken', false)";

struct Taken {
  int backend = 0;         // the process at the server, whose number a pooler mostly does not pass on
  bool standby = false;    // in recovery
  bool read_only = false;  // this transaction, by default
  bool before = false;     // the mark was there already
};
Taken read_taken(const Result& result);

// What is known of what these options lead through, in this process, with or without a pooler: one for all
// sessions with the same server, database and user, for a pooler may have a mode for each, until it was found
// to share sessions.
struct Pooler {
  std::atomic<bool> keeps = false;   // a session's server connection, as far as could be tried
  std::atomic<bool> shares = false;  // none of its sessions is to be used any more
};
std::shared_ptr<Pooler> pooler_of(const ConnectOptions& options);

}  // namespace storagepool::postgres
