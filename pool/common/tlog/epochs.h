// Epochs of a log: after a rollback that cannot be undone a log goes on under another origin, so that nobody
// takes what follows for the history that was shown before. Pure; takes hostile text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::tlog {

inline constexpr std::int64_t kFirstEpoch = 1;

// `name` in its first epoch, `name/e2` in its second.
std::string epoch_origin(std::string_view name, std::int64_t epoch);
// Which epoch of the log `name` has this origin; no value: it is another log's.
std::optional<std::int64_t> epoch_of(std::string_view origin, std::string_view name);

}  // namespace storagepool::tlog
