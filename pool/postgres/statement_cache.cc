#include "pool/postgres/statement_cache.h"

#include <utility>

namespace storagepool::postgres {

std::optional<std::string> StatementCache::find(std::string_view sql) {
  const auto found = index_.find(sql);
  if (found == index_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->name;
}

std::optional<std::string> StatementCache::evict(std::size_t room) {
  if (entries_.empty() || entries_.size() + room <= capacity_) return std::nullopt;
  std::string name = std::move(entries_.back().name);
  index_.erase(entries_.back().sql);
  entries_.pop_back();
  return name;
}

std::string StatementCache::next_name() {
  return "s" + std::to_string(++names_);
}

void StatementCache::insert(std::string_view sql, std::string name) {
  entries_.push_front({std::string(sql), std::move(name)});
  index_.emplace(entries_.front().sql, entries_.begin());
}

void StatementCache::erase(std::string_view sql) {
  const auto found = index_.find(sql);
  if (found == index_.end()) return;
  const auto entry = found->second;
  index_.erase(found);
  entries_.erase(entry);
}

}  // namespace storagepool::postgres
