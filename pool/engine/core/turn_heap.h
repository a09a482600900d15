// Which of many queues has the oldest front: a binary heap of queue indexes by the turn of their front, in
// which each queue can be found and moved in O(log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pool/engine/core/slots.h"

namespace storagepool::engine {

class TurnHeap {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  std::uint32_t front() const { return heap_.front().queue; }  // the oldest

  // Enters a queue or changes its turn.
  void set(std::uint32_t queue, std::uint64_t turn) {
    if (queue >= position_.size()) position_.resize(queue + 1, kNone);
    if (position_[queue] == kNone) {
      position_[queue] = static_cast<std::uint32_t>(heap_.size());
      heap_.push_back({turn, queue});
    } else if (heap_[position_[queue]].turn == turn) {
      return;
    }
    heap_[position_[queue]].turn = turn;
    restore(position_[queue]);
  }
  void erase(std::uint32_t queue) {
    if (queue >= position_.size() || position_[queue] == kNone) return;
    const std::uint32_t at = position_[queue];
    const auto last = static_cast<std::uint32_t>(heap_.size() - 1);
    swap(at, last);
    heap_.pop_back();
    position_[queue] = kNone;
    if (at != last) restore(at);
  }

 private:
  struct Entry {
    std::uint64_t turn;
    std::uint32_t queue;
  };
  void swap(std::uint32_t a, std::uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    std::swap(position_[heap_[a].queue], position_[heap_[b].queue]);
  }
  void restore(std::uint32_t at) {
    for (; at > 0 && heap_[at].turn < heap_[(at - 1) / 2].turn; at = (at - 1) / 2) swap(at, (at - 1) / 2);
    for (;;) {
      std::uint32_t least = at;
      for (std::uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child) {
        if (heap_[child].turn < heap_[least].turn) least = child;
      }
      if (least == at) return;
      swap(at, least);
      at = least;
    }
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> position_;  // in the heap, of each queue that ever was
};

}  // namespace storagepool::engine
