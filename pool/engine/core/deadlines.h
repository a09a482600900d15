// The earliest deadline of many waiters: a binary heap whose entries are dropped late, when they reach the
// top or when they have become too many, because most waiters are served long before their deadline.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pool/engine/core/types.h"

namespace storagepool::engine {

class Deadlines {
 public:
  // `pending(id)` tells whether an entry still matters; `expected` is about how many do.
  template <typename Pending>
  void push(TimePoint when, std::uint64_t id, std::size_t expected, const Pending& pending) {
    if (heap_.size() > 64 + 2 * expected) {
      std::erase_if(heap_, [&](const Entry& entry) { return !pending(entry.id); });
      std::make_heap(heap_.begin(), heap_.end(), later);
    }
    heap_.push_back({when, id});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  // Removes and returns one entry that is due, 0 when there is none.
  std::uint64_t pop_due(TimePoint now) {
    if (heap_.empty() || heap_.front().when > now) return 0;
    const std::uint64_t id = heap_.front().id;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
    return id;
  }
  // Not after the earliest deadline that matters; `max` when there is none.
  TimePoint next() const { return heap_.empty() ? TimePoint::max() : heap_.front().when; }
  void clear() { heap_.clear(); }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t id;
  };
  static bool later(const Entry& a, const Entry& b) { return a.when > b.when; }
  std::vector<Entry> heap_;
};

}  // namespace storagepool::engine
