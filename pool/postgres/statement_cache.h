// Which SQL texts are prepared on one session, under which names, bounded by least recent use. Bookkeeping
// only: its owner prepares and deallocates. A name is never used twice in the life of a session, because a
// statement that the server has lost or that outlived a change of its tables must come back under a new one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace storagepool::postgres {

class StatementCache {
 public:
  explicit StatementCache(std::size_t capacity) : capacity_(capacity) {}

  std::size_t capacity() const { return capacity_; }
  std::size_t size() const { return entries_.size(); }
  void set_capacity(std::size_t capacity) { capacity_ = capacity; }

  // The name of the prepared statement, which becomes the most recently used one.
  std::optional<std::string> find(std::string_view sql);
  // Forgets the least recently used statement when fewer than `room` more would fit; called until it returns
  // nothing.
  std::optional<std::string> evict(std::size_t room);
  std::string next_name();
  void insert(std::string_view sql, std::string name);
  void erase(std::string_view sql);

 private:
  struct Entry {
    std::string sql;
    std::string name;
  };
  std::size_t capacity_;
  std::uint64_t names_ = 0;
  std::list<Entry> entries_;  // most recently used first; the index views into it
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

}  // namespace storagepool::postgres
