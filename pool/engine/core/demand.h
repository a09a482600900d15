// Who waits for a connection: a queue of waiters for each database, and which databases lack a connection,
// in the order of their oldest waiter, so that an event costs O(log n) however many databases wait. For that
// it also counts the sockets of each database by what they are about to be: every change of a queue, of these
// counts or of what a database may have is told here, and what is kept in order follows at once.
//
// Databases and waiters are named by their indexes. A waiter is covered when a connection is being made or
// checked for it: who came first is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pool/engine/core/slots.h"
#include "pool/engine/core/turn_heap.h"
#include "pool/engine/core/types.h"

namespace storagepool::engine {

using WaiterId = std::uint64_t;

class Demand {
 public:
  // What the waiters of a database want that neither an idle connection nor one under way gives them.
  enum class Want : std::uint8_t { kNothing, kFirst, kMore };
  // Whether connects to a database may begin, whatever the server as a whole allows.
  enum class Connects : std::uint8_t { kFreely, kOneAtATime, kNotNow };

  struct Waiter {
    std::uint32_t database = kNone;
    bool counted = false;    // in wait_count
    std::uint64_t turn = 0;  // order of arrival
    TimePoint arrived;
    TimePoint deadline;
    Link link = {};
  };

  struct Limits {
    std::int64_t system = 0;        // sockets of the system database
    std::int64_t per_ordinary = 0;  // and of each other one
  };

  explicit Demand(Limits limits) : limits_(limits) {}
  void reconfigure(Limits limits);

  // A database that was not known, and one that has neither sockets nor waiters any more.
  void enter(std::uint32_t database, bool system);
  void leave(std::uint32_t database);

  // A place for a waiter who does not queue yet.
  WaiterId admit() { return waiters_.insert({}); }
  void enqueue(std::uint32_t waiter, std::uint32_t database, TimePoint arrived, TimePoint deadline);
  // Leaves the queue and its place.
  void dequeue(std::uint32_t waiter);
  std::size_t size() const { return waiters_.size(); }
  std::uint32_t find(WaiterId id) const { return waiters_.find(id); }  // kNone when it was answered
  WaiterId id(std::uint32_t waiter) const { return waiters_.id(waiter); }
  Waiter& operator[](std::uint32_t waiter) { return waiters_[waiter]; }
  const Waiter& operator[](std::uint32_t waiter) const { return waiters_[waiter]; }
  template <typename Visit>
  void each(const Visit& visit);

  // What becomes of the sockets of a database.
  void connect_begun(std::uint32_t database);
  void connect_ended(std::uint32_t database);  // well
  void connect_failed(std::uint32_t database);
  void check_begun(std::uint32_t database);
  void check_ended(std::uint32_t database);
  void close_begun(std::uint32_t database);
  void close_ended(std::uint32_t database);
  void allow(std::uint32_t database, Connects connects);

  std::int32_t sockets(std::uint32_t database) const { return queues_[database].sockets; }
  std::int32_t opening(std::uint32_t database) const { return queues_[database].opening; }
  std::int32_t checking(std::uint32_t database) const { return queues_[database].checking; }
  // All sockets but those that are closing.
  std::int32_t live(std::uint32_t database) const {
    return queues_[database].sockets - queues_[database].closing;
  }
  std::int64_t limit(std::uint32_t database) const {
    return queues_[database].system ? limits_.system : limits_.per_ordinary;
  }
  bool empty(std::uint32_t database) const { return queues_[database].waiters.empty(); }
  std::int32_t queued(std::uint32_t database) const {
    return static_cast<std::int32_t>(queues_[database].waiters.size());
  }
  std::int32_t uncovered(std::uint32_t database) const { return queues_[database].uncovered; }
  Want want(std::uint32_t database) const { return queues_[database].want; }
  // The waiter whose turn it is. REQUIRES: the queue is not empty.
  std::uint32_t front(std::uint32_t database) const { return queues_[database].waiters.front(); }
  // The one that came last. REQUIRES: the same.
  std::uint32_t back(std::uint32_t database) const { return queues_[database].waiters.back(); }
  const Waiter& oldest(std::uint32_t database) const { return waiters_[front(database)]; }

  // Of all databases.
  bool queue_anywhere() const { return !queueing_.empty(); }
  bool want_anywhere() const { return wanting_ > 0; }
  std::int64_t uncovered() const { return uncovered_; }
  std::int64_t uncovered_databases() const { return uncovered_databases_; }
  // The database with the most uncovered waiters, kNone when there are none. Takes time in proportion to the
  // databases with waiters.
  std::uint32_t longest() const;
  // The databases with waiters, in no order: the first, and the one after; kNone at the end.
  std::uint32_t first() const { return queueing_.front(); }
  std::uint32_t next(std::uint32_t database) const { return queues_[database].queueing.next; }
  // The system database while it wants anything, else kNone.
  std::uint32_t wanting_system() const;
  // The ordinary databases with this wish: how many, and the one with the oldest waiter, else kNone.
  std::int64_t wanting_ordinary(Want want) const { return static_cast<std::int64_t>(heap(want).size()); }
  std::uint32_t front_ordinary(Want want) const { return heap(want).empty() ? kNone : heap(want).front(); }
  // Of the databases with this wish, the one with the oldest waiter; kNone when there is none.
  std::uint32_t front_of(Want want, bool with_ordinary = true) const;
  // Of two databases, the one with the older waiter; either may be kNone.
  std::uint32_t older(std::uint32_t a, std::uint32_t b) const;

 private:
  struct Queue {
    bool system = false;
    Connects connects = Connects::kFreely;
    Want want = Want::kNothing;
    std::int32_t uncovered = 0;
    std::int32_t sockets = 0;
    std::int32_t opening = 0;  // this and the next two are of the sockets
    std::int32_t checking = 0;
    std::int32_t closing = 0;
    IndexList<Waiter, &Waiter::link> waiters;
    Link queueing = {};
  };

  void update(std::uint32_t database);
  Want want_of(const Queue& queue) const;
  TurnHeap& heap(Want want) { return want == Want::kFirst ? first_ : more_; }
  const TurnHeap& heap(Want want) const { return want == Want::kFirst ? first_ : more_; }

  Limits limits_;
  std::vector<Queue> queues_;  // by database
  Slots<Waiter> waiters_;
  std::uint64_t turns_ = 0;
  std::uint32_t system_ = kNone;  // the system database while it is known
  IndexList<Queue, &Queue::queueing> queueing_;
  TurnHeap first_;  // ordinary databases that want their first connection
  TurnHeap more_;   // and those that want another one
  std::int64_t wanting_ = 0;
  std::int64_t uncovered_ = 0;
  std::int64_t uncovered_databases_ = 0;  // how many have such waiters
};

template <typename Visit>
void Demand::each(const Visit& visit) {
  for (std::uint32_t waiter = 0; waiter < waiters_.end(); ++waiter) {
    if (waiters_.used(waiter)) visit(waiter);
  }
}

}  // namespace storagepool::engine
