// A set of fingerprints of fixed size, and what is known of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace storagepool::reconcile::explorer {

// Open addressing, linear probing. 0 is no fingerprint.
class Fingerprints {
 public:
  // Room for `most`, at most three quarters full.
  explicit Fingerprints(std::size_t most) {
    std::size_t size = 64;
    while (size * 3 / 4 < most) size *= 2;
    slots_.resize(size);
  }

  struct Place {
    std::size_t slot;
    bool is_new;
  };
  Place insert(std::uint64_t fingerprint) {
    const std::size_t slot = find(fingerprint);
    const bool is_new = slots_[slot] == 0;
    slots_[slot] = fingerprint;
    count_ += is_new ? 1 : 0;
    return {slot, is_new};
  }
  // It will be looked for soon.
  void expect(std::uint64_t fingerprint) const {
    __builtin_prefetch(&slots_[fingerprint & (slots_.size() - 1)]);
  }
  bool contains(std::uint64_t fingerprint) const { return slots_[find(fingerprint)] != 0; }

  std::size_t slots() const { return slots_.size(); }
  std::uint64_t at(std::size_t slot) const { return slots_[slot]; }
  std::size_t count() const { return count_; }
  bool full() const { return count_ >= slots_.size() * 3 / 4; }

 private:
  std::size_t find(std::uint64_t fingerprint) const {
    std::size_t slot = fingerprint & (slots_.size() - 1);
    while (slots_[slot] != 0 && slots_[slot] != fingerprint) slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<std::uint64_t> slots_;
  std::size_t count_ = 0;
};

}  // namespace storagepool::reconcile::explorer
