#include "pool/evidence/holds/transaction.h"

namespace storagepool::evidence {

boost::asio::awaitable<tl::expected<postgres::Result, postgres::Error>> under_lock(
    postgres::Connection& connection, std::string lock, std::string sql,
    std::vector<postgres::Parameter> parameters, postgres::Deadline deadline) {
  const std::string begin =
      "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s'; "
      "SET LOCAL idle_in_transaction_session_timeout = '10s'; " +
      lock;
  auto result = co_await connection.execute(begin, deadline);
  if (result) result = co_await connection.query_once(sql, std::move(parameters), deadline);
  if (result) {
    const auto committed = co_await connection.execute("COMMIT", deadline);
    if (!committed) result = tl::unexpected(committed.error());
  }
  if (!result && connection.usable() && connection.in_transaction())
    co_await connection.execute("ROLLBACK", deadline);
  co_return result;
}

}  // namespace storagepool::evidence
