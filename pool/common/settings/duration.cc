#include "pool/common/settings/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "pool/common/settings/digits.h"

namespace storagepool::settings {
namespace {

struct TimeUnit {
  std::string_view suffix;
  std::int64_t milliseconds;
};
// "ms" stands before "m" because the longest suffix must win.
constexpr std::array<TimeUnit, 4> kUnits{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::int64_t kMaxMilliseconds = std::int64_t{100} * 365 * 24 * 3'600'000;
// By the number of digits of a fraction.
constexpr std::array<std::int64_t, 7> kScales{1, 10, 100, 1000, 10'000, 100'000, 1'000'000};

std::optional<std::int64_t> parse_number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > kMaxMilliseconds)
    return std::nullopt;
  return value;
}

// One "<number><unit>" from the front of `text`, in milliseconds.
std::optional<std::int64_t> take_term(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty() || fraction.size() >= kScales.size()) return std::nullopt;
  }
  if (whole.empty()) return std::nullopt;
  for (const TimeUnit& unit : kUnits) {
    if (!text.starts_with(unit.suffix)) continue;
    text.remove_prefix(unit.suffix.size());
    const auto number = parse_number(whole);
    if (!number || *number > kMaxMilliseconds / unit.milliseconds) return std::nullopt;
    std::int64_t result = *number * unit.milliseconds;
    if (!fraction.empty()) {
      const std::int64_t scale = kScales[fraction.size()];
      const auto numerator = parse_number(fraction);
      if (!numerator || *numerator * unit.milliseconds % scale != 0) return std::nullopt;
      result += *numerator * unit.milliseconds / scale;
    }
    return result;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds{0};
  if (text.empty() || text.size() > 64) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto term = take_term(text);
    if (!term) return std::nullopt;
    total += *term;
    if (total > kMaxMilliseconds) return std::nullopt;
  }
  return std::chrono::milliseconds{total};
}

std::string format_duration(std::chrono::milliseconds duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string text;
  const auto append = [&](std::int64_t unit, std::string_view suffix) {
    if (rest < unit) return;
    text += std::to_string(rest / unit);
    text += suffix;
    rest %= unit;
  };
  append(3'600'000, "h");
  append(60'000, "m");
  append(1000, "s");
  append(1, "ms");
  return text;
}

}  // namespace storagepool::settings
