// What the owner of the engine orders, and how the end of an order is awaited.
#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/engine/driver_wait.h"

namespace storagepool::engine {
namespace asio = boost::asio;

void Driver::reconfigure(const settings::Settings& settings) {
  Lock lock(mutex_);
  ++limits_;
  core_.reconfigure(now(), settings);
  settle(std::move(lock));
}

settings::Settings Driver::in_force() const {
  const Lock lock(mutex_);
  return core_.settings();
}

Statistics Driver::statistics() const {
  const Lock lock(mutex_);
  return core_.statistics();
}

std::int64_t Driver::retired() const {
  const Lock lock(mutex_);
  return core_.retired();
}

std::vector<DatabaseStatistics> Driver::database_statistics() const {
  std::vector<DatabaseStatistics> databases;
  {
    const Lock lock(mutex_);
    databases = core_.database_statistics();
  }
  std::sort(databases.begin(), databases.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return databases;
}

asio::awaitable<bool> Driver::drain(std::shared_ptr<Driver> self, TimePoint deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto drained = [&core = self->core_] { return core.drained(); };
  Milestone milestone(self, executor, deadline, drained);
  {
    Lock lock(self->mutex_);
    self->core_.drain(self->now(), deadline);
    self->settle(std::move(lock));
  }
  co_await milestone.wait();
  const Lock lock(self->mutex_);
  co_return drained();
}

asio::awaitable<bool> Driver::suspend(std::shared_ptr<Driver> self, TimePoint deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::uint64_t resumes = 0;
  const auto resumed = [&] { return self->resumes_ != resumes; };
  const auto ended = [&] { return resumed() || self->core_.sockets() == 0; };
  Milestone milestone(self, executor, deadline, ended);
  {
    Lock lock(self->mutex_);
    resumes = self->resumes_;
    self->core_.suspend(self->now());
    self->settle(std::move(lock));
  }
  co_await milestone.wait();
  const Lock lock(self->mutex_);
  co_return self->core_.sockets() == 0 && !resumed();
}

void Driver::resume() {
  Lock lock(mutex_);
  ++resumes_;
  core_.resume(now());
  settle(std::move(lock));
}

void Driver::retire() {
  Lock lock(mutex_);
  core_.retire(now());
  settle(std::move(lock));
}

asio::awaitable<tl::expected<void, postgres::Error>> Driver::try_connect(std::shared_ptr<Driver> self,
                                                                         postgres::ConnectOptions options,
                                                                         Engine::Trial trial,
                                                                         TimePoint deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto has_token = [&core = self->core_] { return core.trial_has_token(); };
  {
    Milestone milestone(self, executor, deadline, has_token);
    {
      Lock lock(self->mutex_);
      self->core_.want_trial(self->now());
      self->settle(std::move(lock));
    }
    co_await milestone.wait();
  }
  bool begins = false;
  {
    const Lock lock(self->mutex_);
    begins = has_token() && !self->shut_;
  }
  tl::expected<void, postgres::Error> result = tl::unexpected(postgres::Error{
      postgres::ErrorClass::kTimeout, "", "", "no connection of the limit came free for a trial in time"});
  if (begins) {
    const asio::any_io_executor strand = asio::make_strand(self->executor_);
    auto work = hold_trial(strand, std::move(options), std::move(trial), deadline);
    result = co_await asio::co_spawn(strand, std::move(work), asio::use_awaitable);
  }
  Lock lock(self->mutex_);
  if (self->shut_) co_return result;
  self->core_.end_trial(self->now());
  self->settle(std::move(lock));
  co_return result;
}

asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> Driver::close_database(
    std::shared_ptr<Driver> self, std::string database, TimePoint deadline) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto free = [&] { return !self->core_.has_connections(database); };
  Milestone milestone(self, executor, deadline, free);
  {
    Lock lock(self->mutex_);
    self->core_.close_database(self->now(), database);
    self->settle(std::move(lock));
  }
  ClosedDatabase closed(self, database);  // opens it again if this fails
  co_await milestone.wait();
  const Lock lock(self->mutex_);
  if (free()) co_return std::move(closed);
  co_return tl::unexpected(AcquireError{
      AcquireError::Reason::kDeadlineExceeded,
      "connections to the database " + database + " were not given back in time", std::chrono::seconds(1)});
}

void Driver::reopen_database(const std::string& database) {
  Lock lock(mutex_);
  core_.reopen_database(now(), database);
  settle(std::move(lock));
}

AcquireError Driver::shut_error() {
  return {AcquireError::Reason::kDraining, "the connection pool is shut down", std::chrono::seconds(1)};
}

void Driver::shut_down() {
  std::vector<Entry> dropped;
  Lock lock(mutex_);
  shut_ = true;
  timer_.cancel();
  for (WaiterId waiter = 0; waiter < waiting_.size(); ++waiter) {
    if (waiting_[waiter] != nullptr) answer(waiter, tl::unexpected(shut_error()));
  }
  for (auto* milestone : milestones_) milestone->look(true);
  for (Entry& entry : entries_) {
    if (entry.id != 0 && core_.idle(entry.id)) dropped.push_back(std::exchange(entry, {}));
  }
  for (const ConnectionId id : kept_) dropped.push_back(std::exchange(entry(id), {}));
  kept_.clear();
  Waiting* ready = std::exchange(first_ready_, nullptr);
  lock.unlock();
  wake(ready, Wake::kLater);
}

}  // namespace storagepool::engine
