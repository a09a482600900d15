#include "pool/common/tlog/epochs.h"

#include <charconv>

namespace storagepool::tlog {

std::string epoch_origin(std::string_view name, std::int64_t epoch) {
  return std::string(name) + (epoch == kFirstEpoch ? "" : "/e" + std::to_string(epoch));
}

std::optional<std::int64_t> epoch_of(std::string_view origin, std::string_view name) {
  if (origin == name) return kFirstEpoch;
  if (!origin.starts_with(name)) return std::nullopt;
  const std::string_view rest = origin.substr(name.size());
  constexpr std::string_view kMark = "/e";
  if (!rest.starts_with(kMark)) return std::nullopt;
  std::int64_t epoch = 0;
  std::from_chars(rest.data() + kMark.size(), rest.data() + rest.size(), epoch);
  // Written the one way that there is.
  return epoch > kFirstEpoch && epoch_origin(name, epoch) == origin ? std::optional(epoch) : std::nullopt;
}

}  // namespace storagepool::tlog
