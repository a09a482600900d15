// Structured logging for both programs: one JSON object per line on standard error, with RFC 3339 `time`,
// `level`, `component` and `message` first and the given fields after them, every string escaped (RFC 8259).
//
//   log::info("settings in force", {{"generation", 7}, {"maxOpenConns", 16}});
//
// Thread-safe. Callers never pass a credential or libpq's text: see pool/postgres/error.h.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace storagepool::log {

enum class Level { kDebug, kInfo, kWarn, kError };
std::string_view to_string(Level level);
// "debug", "info", "warn" or "error"; anything else is no level.
std::optional<Level> parse_level(std::string_view text);

struct Field {
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  template <typename T>
  Field(std::string_view k, T v) : key(k), value(to_value(v)) {}

  std::string_view key;
  Value value;

 private:
  template <typename T>
  static Value to_value(const T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      return Value(std::in_place_type<bool>, v);
    } else if constexpr (std::is_integral_v<T>) {
      return Value(std::in_place_type<std::int64_t>, static_cast<std::int64_t>(v));
    } else if constexpr (std::is_floating_point_v<T>) {
      return Value(std::in_place_type<double>, static_cast<double>(v));
    } else {
      return Value(std::in_place_type<std::string>, v);
    }
  }
};
using Fields = std::initializer_list<Field>;

// Sets the component name and the lowest level written. Called once by main; before it, level info and no
// component.
void configure(std::string_view component, Level lowest);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

}  // namespace storagepool::log
