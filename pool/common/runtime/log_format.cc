#include "pool/common/runtime/log_format.h"

#include <array>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

namespace storagepool::log {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

std::optional<Level> parse_level(std::string_view text) {
  for (Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (text == to_string(level)) return level;
  }
  return std::nullopt;
}

std::string format_time(std::chrono::system_clock::time_point time) {
  // floor, not a cast: a time before 1970 must not get negative milliseconds.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time - seconds).count();
  const std::time_t unix_seconds = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  gmtime_r(&unix_seconds, &utc);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(milliseconds % 1000));
  return std::string(date.data()) + fraction.data();
}

std::string format_line(std::chrono::system_clock::time_point time, Level level, std::string_view component,
                        std::string_view message, Fields fields, std::span<const Field> of_scope) {
  nlohmann::ordered_json line;
  line["time"] = format_time(time);
  line["level"] = to_string(level);
  if (!component.empty()) line["component"] = component;
  line["message"] = message;
  const auto add = [&](const Field& field) {
    std::string key(field.key);
    while (line.contains(key)) key += '_';
    std::visit([&](const auto& value) { line[key] = value; }, field.value);
  };
  for (const Field& field : fields) add(field);
  for (const Field& field : of_scope) add(field);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace storagepool::log
