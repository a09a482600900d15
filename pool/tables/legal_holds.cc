#include "pool/tables/legal_holds.h"

#include <utility>

namespace storagepool::tables {
namespace {

using Result = tl::expected<postgres::Result, postgres::Error>;

bool is_true(const postgres::Result& result) {
  return !result.rows.empty() && result.rows[0].at(0) == "1";
}

// Of a database that has no table of holds, because it is of an earlier release or closed, none stand.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> stand(postgres::Connection& connection,
                                                                  postgres::Deadline deadline) {
  Result found =
      co_await connection.execute("SELECT (to_regclass('audit_legal_holds') IS NOT NULL)::int", deadline);
  if (found && is_true(*found)) {
    found = co_await connection.execute(
        "SELECT EXISTS (SELECT FROM audit_legal_holds WHERE released_at IS NULL)::int", deadline);
  }
  if (!found) co_return tl::unexpected(found.error());
  co_return is_true(*found);
}

}  // namespace

boost::asio::awaitable<tl::expected<bool, postgres::Error>> has_holds(postgres::Connection& connection,
                                                                      postgres::Deadline deadline) {
  co_return co_await stand(connection, deadline);
}

// Who is placing one waits for the lock, or is waited for.
boost::asio::awaitable<tl::expected<bool, postgres::Error>> close_holds(postgres::Connection& connection,
                                                                        postgres::Deadline deadline) {
  Result done = co_await connection.execute(
      "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s'; "
      "SET LOCAL idle_in_transaction_session_timeout = '10s'; "
      "DO $$ BEGIN IF to_regclass('audit_legal_holds') IS NOT NULL THEN "
      "LOCK TABLE audit_legal_holds IN ACCESS EXCLUSIVE MODE; END IF; END $$",
      deadline);
  bool held = false;
  if (done) {
    const auto standing = co_await stand(connection, deadline);
    if (!standing) done = tl::unexpected(standing.error());
    held = standing.value_or(true);
  }
  if (done && !held)
    done = co_await connection.execute("DROP TABLE IF EXISTS audit_legal_holds; COMMIT", deadline);
  if (connection.usable() && connection.in_transaction()) {
    const Result ended = co_await connection.execute("ROLLBACK", deadline);
    if (done && !ended) done = tl::unexpected(ended.error());
  }
  if (!done) co_return tl::unexpected(done.error());
  co_return !held;
}

}  // namespace storagepool::tables
