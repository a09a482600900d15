#include "pool/reading/read_places.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <boost/asio/this_coro.hpp>

namespace storagepool::reading {
namespace {

using boost::asio::awaitable;
using engine::AcquireError;

constexpr std::chrono::seconds kRetryAfter{1};

std::int64_t share_of(std::int64_t connections) {
  return std::max<std::int64_t>(1, connections * 3 / 4);
}

}  // namespace

bool ReadPlaces::has_room(const std::string& name, const Database& database) const {
  const std::int64_t all = settings_.max_open_conns;
  const std::int64_t here = name == system_database_ ? all : std::min(all, settings_.max_conns_per_database);
  return reads_ < share_of(all) && database.reads < share_of(here);
}

awaitable<tl::expected<ReadPlaces::Place, AcquireError>> ReadPlaces::enter(std::string name,
                                                                           settings::Settings settings,
                                                                           engine::TimePoint deadline) {
  settings_ = settings;
  {
    Database& here = databases_[name];
    if (here.waiting.empty() && has_room(name, here)) {
      ++here.reads;
      ++reads_;
      co_return Place(shared_from_this(), name);
    }
    const std::int64_t here_waiting = static_cast<std::int64_t>(here.waiting.size());
    if (waiting_ >= settings_.max_waiters || here_waiting >= (settings_.max_waiters + 1) / 2) {
      forget_if_idle(name);
      co_return tl::unexpected(AcquireError{AcquireError::Reason::kTooManyWaiters,
                                            "too many reads wait for a database connection", kRetryAfter});
    }
  }
  const auto executor = co_await boost::asio::this_coro::executor;
  runtime::Promise<Place> promise(executor);
  const std::uint64_t id = next_waiter_++;
  Database& here = databases_[name];
  if (here.waiting.empty()) turns_.push_back(name);
  here.waiting.push_back({id, promise.giver()});
  ++waiting_;
  std::optional<Place> place = co_await promise.wait_until(deadline);
  if (place) co_return std::move(*place);
  give_up(name, id);
  co_return tl::unexpected(AcquireError{AcquireError::Reason::kDeadlineExceeded,
                                        "none of those that reads may use became free in time", kRetryAfter});
}

void ReadPlaces::give_up(const std::string& name, std::uint64_t waiter) {
  auto& waiting = databases_.at(name).waiting;
  const auto place =
      std::find_if(waiting.begin(), waiting.end(), [&](const Waiter& one) { return one.id == waiter; });
  if (place == waiting.end()) return;
  waiting.erase(place);
  --waiting_;
  if (waiting.empty()) turns_.remove(name);
  forget_if_idle(name);
}

void ReadPlaces::forget_if_idle(const std::string& name) {
  const auto found = databases_.find(name);
  if (found->second.reads == 0 && found->second.waiting.empty()) databases_.erase(found);
}

void ReadPlaces::leave(const std::string& name) {
  --databases_.at(name).reads;
  --reads_;
  forget_if_idle(name);
  admit();
}

void ReadPlaces::admit() {
  for (auto turn = turns_.begin(); turn != turns_.end();) {
    const std::string name = *turn;
    Database& here = databases_.at(name);
    if (!has_room(name, here)) {
      ++turn;
      continue;
    }
    Waiter next = std::move(here.waiting.front());
    here.waiting.pop_front();
    --waiting_;
    ++here.reads;
    ++reads_;
    turns_.erase(turn);
    if (!here.waiting.empty()) turns_.push_back(name);
    next.giver.give(Place(shared_from_this(), name));  // who is gone meanwhile leaves at once
    turn = turns_.begin();
  }
}

}  // namespace storagepool::reading
