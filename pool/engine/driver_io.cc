// The coroutines of the driver: everything that waits for a server.
#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/engine/backends.h"
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
  bool sound = true;
  int orphan = 0;
  try {
    const auto options = connect_options(database);
    if (options) {
      const TimePoint deadline = runtime::steady_now() + in_force().connect_timeout;
      // What runs on the strand waits there; the socket itself needs none.
      session = co_await postgres::connect(executor_, *options, deadline);
      if (session) sound = co_await settle_doubts(**session, deadline);
      if (!sound) {
        if ((*session)->cut_off()) orphan = (*session)->backend();
        if ((*session)->lost()) tell_lost();
        co_await (*session)->close(runtime::steady_now() + postgres::kLetGoTimeout);
      }
    } else {
      session = tl::unexpected(options.error());
    }
  } catch (const std::exception&) {
    // The process lacks a descriptor or memory: the error made above stands, and the back-off applies.
  }
  Lock lock(mutex_);
  if (shut_) co_return;
  if (session && sound) {
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= entries_.size()) entries_.resize(index + 1);
    entries_[index] = {.id = id, .session = std::move(*session), .strand = strand};
    core_.opened(now(), id);
  } else if (session) {
    if (orphan != 0) doubt(orphan, 0);
    core_.open_failed(now(), id, {.detail = "connecting to " + database + ": the connection was lost"});
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
  put_back(id, *session, clean);
}

// What was done on it before it is anybody else's is over.
void Driver::put_back(ConnectionId id, const postgres::Session& session, bool clean) {
  const bool lost = session.lost();
  Lock lock(mutex_);
  if (shut_) {
    const auto dropped = std::move(entry(id).session);
    lock.unlock();
    return;
  }
  if (lost) core_.doubt(now());
  core_.release(now(), id, clean);
  settle(std::move(lock));
  if (lost) tell_lost();
}

asio::awaitable<void> Driver::close(ConnectionId id, std::shared_ptr<postgres::Session> session) {
  const int backend = session->backend();
  const bool cut_off = session->cut_off();
  const bool ended = co_await session->close(runtime::steady_now() + postgres::kLetGoTimeout);
  Lock lock(mutex_);
  if (shut_) co_return;
  if (backend != 0 && cut_off) {
    doubt(backend, id);
  } else {
    if (backend != 0 && !ended) doubt(backend, 0);
    core_.closed(now(), id);
  }
  settle(std::move(lock));
}

// Tokens that are kept must not keep the session out that asks after what they are kept for.
void Driver::doubt(int backend, ConnectionId token) {
  if (!doubts_.add(now(), backend, token) && token != 0) core_.closed(now(), token);
  // Also where a token is free: it may be the system database's alone.
  const ConnectionId spared = doubts_.tokens() == core_.sockets() ? doubts_.give_up_one() : 0;
  if (spared != 0) core_.closed(now(), spared);
}

void Driver::let_go(const std::vector<ConnectionId>& tokens) {
  for (const ConnectionId token : tokens) core_.closed(now(), token);
}

// Before it is anybody else's.
asio::awaitable<void> Driver::ask(ConnectionId id, std::shared_ptr<postgres::Session> session) {
  co_await settle_doubts(*session, runtime::steady_now() + kRollbackTimeout);
  put_back(id, *session, session->usable());
}

class Driver::Asking {
 public:
  explicit Asking(Driver& driver) : driver_(driver) { driver_.asking_ = true; }
  ~Asking() {
    const Lock lock(driver_.mutex_);
    driver_.asking_ = false;
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  Driver& driver_;
};

asio::awaitable<bool> Driver::settle_doubts(postgres::Session& session, TimePoint deadline) {
  std::vector<int> doubted;
  std::vector<int> asked;
  std::optional<Asking> asking;
  {
    const Lock lock(mutex_);
    if (doubts_.empty() || asking_) co_return true;
    asking.emplace(*this);
    doubted = doubts_.backends();
    // Another server counts from anew: what serves a session of ours is not what is in doubt.
    std::ranges::copy_if(doubted, std::back_inserter(asked), [&](int backend) {
      return std::ranges::none_of(
          entries_, [&](const Entry& known) { return known.session && known.session->backend() == backend; });
    });
  }
  const bool gone = co_await end_backends(session, asked, deadline);
  if (!gone) co_return session.usable();
  Lock lock(mutex_);
  if (shut_) co_return true;
  let_go(doubts_.settle(doubted));
  settle(std::move(lock));
  co_return true;
}

}  // namespace storagepool::engine
