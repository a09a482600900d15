// Durations as Go's time.ParseDuration and Kubernetes' metav1.Duration write them: a sequence of decimal
// numbers with a unit each ("5m", "1m30s", "1.5h", "250ms"), or "0". Units: ms, s, m, h. Resolution is one
// millisecond; a finer value is an error, not a rounding.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::settings {

// No value for anything that is not a non-negative duration below 100 years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest form: "0s", "250ms", "1m30s", "5m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace storagepool::settings
