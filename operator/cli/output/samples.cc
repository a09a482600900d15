#include "operator/cli/output/samples.h"

#include <cmath>
#include <cstdlib>

namespace storagepool::cli {

Samples parse_samples(std::string_view text) {
  Samples samples;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t brace = line.rfind('}');  // values of labels may have spaces
    const std::size_t space = line.find(' ', brace == std::string_view::npos ? 0 : brace);
    if (space == std::string_view::npos || space == 0) continue;
    const std::string value(line.substr(space + 1));
    char* rest = nullptr;
    const double number = std::strtod(value.c_str(), &rest);
    if (rest != value.c_str()) samples.emplace(line.substr(0, space), number);
  }
  return samples;
}

std::optional<double> value_of(const Samples& samples, std::string_view name) {
  const auto found = samples.find(name);
  return found == samples.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> count_of(const Samples& samples, std::string_view name) {
  const auto value = value_of(samples, name);
  if (!value || !std::isfinite(*value) || std::abs(*value) > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

}  // namespace storagepool::cli
