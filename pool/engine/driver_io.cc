// The coroutines of the driver: everything that waits for a server.
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/engine/driver.h"
#include "pool/postgres/disposition.h"

namespace storagepool::engine {
namespace asio = boost::asio;
using postgres::ErrorClass;

namespace {

constexpr std::chrono::seconds kRollbackTimeout{5};

OpenFailure open_failure(const postgres::Error& error) {
  OpenFailure failure{.database_only = error.database_only, .detail = error.detail};
  failure.lasting = postgres::disposition_of(error).cause == postgres::Disposition::Cause::kPerson;
  return failure;
}

}  // namespace

void Driver::spawn(const asio::any_io_executor& strand, asio::awaitable<void> work) {
  asio::co_spawn(strand, std::move(work), [self = shared_from_this()](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
}

tl::expected<postgres::ConnectOptions, postgres::Error> Driver::connect_options(
    const std::string& database) const {
  auto options = options_();
  if (!options) return options;
  const auto settings = in_force();
  options->database = database;
  options->statement_timeout = settings.statement_timeout;
  options->lock_timeout = settings.lock_timeout;
  options->statement_cache_size = static_cast<std::size_t>(settings.statement_cache_size);
  options->synchronous_commit = commit_level(settings);
  return options;
}

std::string Driver::commit_level(const settings::Settings& settings) {
  const auto level = settings.synchronous_commit;
  if (level == settings::SynchronousCommit::kServer) return "";
  return std::string(settings::to_string(level));
}

asio::awaitable<void> Driver::open(ConnectionId id, std::string database, asio::any_io_executor strand) {
  tl::expected<std::unique_ptr<postgres::Session>, postgres::Error> session = tl::unexpected(postgres::Error{
      ErrorClass::kOther, "", "", "connecting to " + database + ": out of descriptors or memory"});
  try {
    const auto options = connect_options(database);
    if (options) {
      const TimePoint deadline = runtime::steady_now() + in_force().connect_timeout;
      session = co_await postgres::connect(strand, *options, deadline);
    } else {
      session = tl::unexpected(options.error());
    }
  } catch (const std::exception&) {
    // The process lacks a descriptor or memory: the error made above stands, and the back-off applies.
  }
  Lock lock(mutex_);
  if (shut_) co_return;
  if (session) {
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= entries_.size()) entries_.resize(index + 1);
    entries_[index] = {.id = id, .session = std::move(*session), .strand = strand};
    core_.opened(now(), id);
  } else {
    core_.open_failed(now(), id, open_failure(session.error()));
  }
  settle(std::move(lock));
  if (session) {
    if (listener_.on_connected) listener_.on_connected();
  } else if (listener_.on_connect_failed) {
    listener_.on_connect_failed(database, session.error());
  }
}

// Ends when the server has let go of the session.
asio::awaitable<tl::expected<void, postgres::Error>> Driver::hold_trial(asio::any_io_executor strand,
                                                                        postgres::ConnectOptions options,
                                                                        Engine::Trial trial,
                                                                        TimePoint deadline) {
  tl::expected<void, postgres::Error> result = tl::unexpected(
      postgres::Error{ErrorClass::kOther, "", "", "a trial to connect: out of descriptors or memory"});
  try {
    auto session = co_await postgres::connect(strand, options, deadline);
    if (!session) co_return tl::unexpected(std::move(session.error()));
    result = co_await trial(**session);
    co_await (*session)->close(runtime::steady_now() + postgres::kLetGoTimeout);
  } catch (const std::exception&) {
    // As in `open`: the error made above stands.
  }
  co_return result;
}

asio::awaitable<void> Driver::validate(ConnectionId id, std::shared_ptr<postgres::Session> session) {
  auto answer = co_await session->execute("", runtime::steady_now() + in_force().connect_timeout);
  const bool alive = answer && session->usable();
  Lock lock(mutex_);
  if (shut_) co_return;
  core_.validated(now(), id, alive);
  settle(std::move(lock));
  if (!alive) tell_lost();
}

asio::awaitable<void> Driver::roll_back(ConnectionId id, std::shared_ptr<postgres::Session> session) {
  auto answer = co_await session->execute("ROLLBACK", runtime::steady_now() + kRollbackTimeout);
  const bool clean = answer && session->usable() && !session->in_transaction();
  const bool lost = session->lost();
  Lock lock(mutex_);
  if (shut_) {
    const auto dropped = std::move(entry(id).session);
    lock.unlock();
    co_return;
  }
  if (lost) core_.doubt(now());
  core_.release(now(), id, clean);
  settle(std::move(lock));
  if (lost) tell_lost();
}

asio::awaitable<void> Driver::close(ConnectionId id, std::shared_ptr<postgres::Session> session) {
  co_await session->close(runtime::steady_now() + postgres::kLetGoTimeout);
  Lock lock(mutex_);
  if (shut_) co_return;
  core_.closed(now(), id);
  settle(std::move(lock));
}

}  // namespace storagepool::engine
