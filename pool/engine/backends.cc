#include "pool/engine/backends.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::engine {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kLookAgain{5};

}  // namespace

asio::awaitable<bool> end_backends(postgres::Connection& session, std::vector<int> backends,
                                   postgres::Deadline deadline) {
  std::string list;
  for (const int backend : backends) list += (list.empty() ? "" : ",") + std::to_string(backend);
  // A process that is to end is there until it has; who asks may end what its own role has begun.
  const std::string sql =
      "SELECT count(pg_terminate_backend(other.pid)) FROM pg_stat_activity AS other, pg_stat_activity AS me "
      "WHERE me.pid = pg_backend_pid() AND other.pid = ANY('{" +
      list +
      "}'::int[]) AND other.usename = me.usename AND other.application_name = me.application_name "
      "AND other.pid <> me.pid";
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (runtime::steady_now() < deadline) {
    const auto left = co_await session.execute(sql, deadline);
    if (!left) co_return false;
    if (left->rows.empty() || left->rows.front().front() == "0") co_return true;
    timer.expires_at(runtime::steady_now() + kLookAgain);
    boost::system::error_code ended;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  }
  co_return false;
}

}  // namespace storagepool::engine
