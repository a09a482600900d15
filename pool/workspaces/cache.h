// Which workspaces are known to be usable, so that most requests ask the registry nothing. Bounded: the least
// recently used entry makes room. Pure: the clock is given. An entry is believed for `recheck_after`, then
// one caller is told that it is stale and is to ask the registry, while the others go on with it.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace storagepool::workspaces {

class Cache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Look { kMiss, kStale, kFresh };

  Cache(std::size_t capacity, std::chrono::milliseconds recheck_after);

  Look look(const std::string& name, TimePoint now);
  // Of this incarnation: a workspace that was dropped and made again is another.
  bool known(const std::string& name, const std::string& incarnation) const;
  std::string incarnation(const std::string& name) const;  // empty for one that is not known
  void checked(const std::string& name, TimePoint now);    // the registry says it is as it was
  void put(const std::string& name, const std::string& incarnation, TimePoint now);
  void expire(const std::string& name);  // stale from now on
  void erase(const std::string& name);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    std::string incarnation;
    TimePoint checked_at;
    bool expired = false;
  };
  const std::size_t capacity_;
  const std::chrono::milliseconds recheck_after_;
  std::list<Entry> entries_;  // the most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
};

}  // namespace storagepool::workspaces
