#include "pool/postgres/pooler.h"

#include <charconv>
#include <map>
#include <mutex>
#include <string>

#include "pool/postgres/diagnosis.h"

namespace storagepool::postgres {
Taken read_taken(const Result& result) {
  const auto& row = result.rows.at(0);
  Taken taken;
  const std::string backend = row.at(0).value_or("");
  std::from_chars(backend.data(), backend.data() + backend.size(), taken.backend);
  taken.standby = row.at(1) == "t";
  taken.read_only = row.at(2) == "t";
  taken.before = row.at(3) == "t";
  return taken;
}

std::shared_ptr<Pooler> pooler_of(const ConnectOptions& options) {
  constexpr std::size_t kMost = 4096;
  static std::mutex mutex;
  // Never destroyed: sessions may be made until the very end.
  static auto* const poolers = new std::map<std::string, std::shared_ptr<Pooler>>;
  const std::lock_guard lock(mutex);
  if (poolers->size() >= kMost) poolers->clear();
  auto& known = (*poolers)[target_of(options) + "/" + options.user];
  if (!known || known->shares) known = std::make_shared<Pooler>();
  return known;
}

}  // namespace storagepool::postgres
