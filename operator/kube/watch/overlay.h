// Read-your-writes over an informer's cache: an object as the API server has answered a write with, until the
// watch or a list shows that version or a newer one. Pure.
//
// Nothing is kept for ever, whatever becomes of the watch: no longer than kLongest, not more than kMost, and
// not beside a list that began after the write. So it does not outlive a restore of the API server's storage,
// after which versions begin again at lower numbers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operator/kube/resource.h"

namespace storagepool::kube {

using ObjectPtr = std::shared_ptr<const Json>;

class Overlay {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes kLongest{5};
  static constexpr std::size_t kMost = 20'000;

  // REQUIRES: the cache shows no newer version. An object without a version is not kept.
  void written(ObjectPtr object, TimePoint now);
  // The watch has told of this object, or of its end, in this version.
  void seen(const ObjectKey& key, std::uint64_t version);
  // A complete list that was asked for at `began` and is of this version.
  void listed(std::uint64_t version, TimePoint began);

  ObjectPtr find(const ObjectKey& key, TimePoint now) const;  // null: what the cache shows counts
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    ObjectPtr object;
    std::uint64_t version = 0;
    TimePoint at;
  };
  void make_room(TimePoint now);

  std::map<ObjectKey, Entry> entries_;
};

}  // namespace storagepool::kube
