#include "pool/common/settings/bytes.h"

#include <array>
#include <charconv>
#include <limits>

#include "pool/common/settings/digits.h"

namespace storagepool::settings {
namespace {

struct ByteUnit {
  std::string_view suffix;
  std::int64_t bytes;
};
constexpr std::array<ByteUnit, 5> kBinaryUnits{{{"Ti", std::int64_t{1} << 40},
                                                {"Gi", std::int64_t{1} << 30},
                                                {"Mi", std::int64_t{1} << 20},
                                                {"Ki", std::int64_t{1} << 10},
                                                {"", 1}}};
constexpr std::array<ByteUnit, 4> kDecimalUnits{
    {{"T", 1'000'000'000'000}, {"G", 1'000'000'000}, {"M", 1'000'000}, {"k", 1'000}}};
constexpr std::size_t kMaxDecimals = 3;
constexpr std::int64_t kThousand = 1000;

std::optional<std::int64_t> unit_bytes(std::string_view suffix) {
  for (const ByteUnit& unit : kBinaryUnits) {
    if (unit.suffix == suffix) return unit.bytes;
  }
  for (const ByteUnit& unit : kDecimalUnits) {
    if (unit.suffix == suffix) return unit.bytes;
  }
  return std::nullopt;
}

std::optional<std::int64_t> number_of(std::string_view digits) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  const auto whole = number_of(take_digits(text));
  if (!whole) return std::nullopt;
  std::int64_t thousandths = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::string decimals(take_digits(text));
    if (decimals.empty() || decimals.size() > kMaxDecimals) return std::nullopt;
    decimals.resize(kMaxDecimals, '0');
    thousandths = number_of(decimals).value_or(0);
  }
  const auto unit = unit_bytes(text);
  if (!unit) return std::nullopt;
  const std::int64_t part = (thousandths * *unit + kThousand - 1) / kThousand;
  if (*whole > (std::numeric_limits<std::int64_t>::max() - part) / *unit) return std::nullopt;
  return *whole * *unit + part;
}

std::string format_bytes(std::int64_t bytes) {
  for (const ByteUnit& unit : kBinaryUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.suffix);
  }
  return "0";
}

}  // namespace storagepool::settings
