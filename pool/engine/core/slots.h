// Flat containers of the engine's core: items live in one vector, are named by ids that are never reused for
// another item, and are chained into lists by index, so that every step of the core is O(1) and allocates
// nothing once warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace storagepool::engine {

inline constexpr std::uint32_t kNone = 0xffffffff;

// Ids carry the index in the low half and a generation in the high half; no id is 0.
template <typename T>
class Slots {
 public:
  std::uint64_t insert(T item) {
    std::uint32_t index = free_;
    if (index == kNone) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      free_ = slots_[index].next_free;
    }
    slots_[index].item = std::move(item);
    slots_[index].used = true;
    ++size_;
    return id(index);
  }
  void erase(std::uint32_t index) {
    slots_[index].item = T{};
    slots_[index].used = false;
    ++slots_[index].generation;
    slots_[index].next_free = free_;
    free_ = index;
    --size_;
  }
  T& operator[](std::uint32_t index) { return slots_[index].item; }
  const T& operator[](std::uint32_t index) const { return slots_[index].item; }
  std::uint64_t id(std::uint32_t index) const {
    return (static_cast<std::uint64_t>(slots_[index].generation) << 32) | index;
  }
  // The index of a living item, else kNone.
  std::uint32_t find(std::uint64_t id) const {
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= slots_.size() || !slots_[index].used || slots_[index].generation != id >> 32) return kNone;
    return index;
  }
  std::size_t size() const { return size_; }
  std::uint32_t end() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool used(std::uint32_t index) const { return slots_[index].used; }

 private:
  struct Slot {
    T item{};
    std::uint32_t generation = 1;
    std::uint32_t next_free = kNone;
    bool used = false;
  };
  std::vector<Slot> slots_;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

struct Link {
  std::uint32_t previous = kNone;
  std::uint32_t next = kNone;
};

// A list through the member `link` of items that an index finds: those of Slots<T> or of a vector.
template <typename T, Link T::*link>
class IndexList {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::uint32_t front() const { return front_; }
  std::uint32_t back() const { return back_; }

  template <typename Items>
  void push_back(Items& items, std::uint32_t index) {
    items[index].*link = {back_, kNone};
    (back_ == kNone ? front_ : (items[back_].*link).next) = index;
    back_ = index;
    ++size_;
  }
  template <typename Items>
  void erase(Items& items, std::uint32_t index) {
    const Link here = items[index].*link;
    (here.previous == kNone ? front_ : (items[here.previous].*link).next) = here.next;
    (here.next == kNone ? back_ : (items[here.next].*link).previous) = here.previous;
    items[index].*link = {};
    --size_;
  }

 private:
  std::uint32_t front_ = kNone;
  std::uint32_t back_ = kNone;
  std::uint32_t size_ = 0;
};

}  // namespace storagepool::engine
