#include "pool/settings/bytes.h"

#include <array>
#include <charconv>
#include <limits>

namespace storagepool::settings {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t bytes;
};
constexpr std::array<Unit, 5> kUnits{{{"Ti", std::int64_t{1} << 40},
                                      {"Gi", std::int64_t{1} << 30},
                                      {"Mi", std::int64_t{1} << 20},
                                      {"Ki", std::int64_t{1} << 10},
                                      {"", 1}}};

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  if (text.empty() || text.front() == '-') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (suffix != unit.suffix) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.bytes) return std::nullopt;
    return number * unit.bytes;
  }
  return std::nullopt;
}

std::string format_bytes(std::int64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.suffix);
  }
  return "0";
}

}  // namespace storagepool::settings
