// How many connections reads may use, so that they never take the last ones from writes: three quarters of
// what all may have and of what each database may have, but one at least. A read has its place before it asks
// the engine, and gives it back after its connection, so that no read waits there in front of a write for
// more than one of them holds. Who waits for a place waits here: in order within a database, the databases in
// turn, no more than maxWaiters, and half of these from one database. With a limit of 1 reads and writes take
// turns.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/loop/promise.h"
#include "pool/common/settings/settings.h"
#include "pool/engine/core/types.h"

namespace storagepool::reading {

// Not thread-safe: all calls on one executor.
class ReadPlaces : public std::enable_shared_from_this<ReadPlaces> {
 public:
  explicit ReadPlaces(std::string system_database) : system_database_(std::move(system_database)) {}

  // Given back by its destructor.
  class Place {
   public:
    Place(std::shared_ptr<ReadPlaces> places, std::string database)
        : places_(std::move(places)), database_(std::move(database)) {}
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) = delete;
    ~Place() {
      if (places_) places_->leave(database_);
    }

   private:
    std::shared_ptr<ReadPlaces> places_;  // null after a move
    std::string database_;
  };

  // By `deadline`, under the settings as they are in force now.
  boost::asio::awaitable<tl::expected<Place, engine::AcquireError>> enter(std::string database,
                                                                          settings::Settings settings,
                                                                          engine::TimePoint deadline);

 private:
  struct Waiter {
    std::uint64_t id;
    runtime::Promise<Place>::Giver giver;
  };
  struct Database {
    std::int64_t reads = 0;
    std::deque<Waiter> waiting{};
  };
  bool has_room(const std::string& name, const Database& database) const;
  void leave(const std::string& name);
  void give_up(const std::string& name, std::uint64_t waiter);
  void forget_if_idle(const std::string& name);
  void admit();

  std::string system_database_;
  settings::Settings settings_;
  std::unordered_map<std::string, Database> databases_;  // those with reads or waiters
  std::list<std::string> turns_;                         // of databases with waiters, the next first
  std::int64_t reads_ = 0;
  std::int64_t waiting_ = 0;
  std::uint64_t next_waiter_ = 1;
};

}  // namespace storagepool::reading
