// Metrics in the text format of Prometheus, as pods print them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::cli {

// Values by name with labels as they are written, as `storagepool_workspaces{state="ready"}`.
using Samples = std::map<std::string, double, std::less<>>;

// What is not a sample is left out.
Samples parse_samples(std::string_view text);
std::optional<double> value_of(const Samples& samples, std::string_view name);
// As a count; nothing where it is absent.
std::optional<std::int64_t> count_of(const Samples& samples, std::string_view name);

}  // namespace storagepool::cli
