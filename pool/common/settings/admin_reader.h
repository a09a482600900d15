// Reads JSON of the administration port; private to this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/settings/settings.h"

namespace storagepool::settings {

using Json = nlohmann::ordered_json;

inline Problem problem(std::string_view key, std::string_view message) {
  return {std::string(key), "", std::string(key) + ": " + std::string(message)};
}

// Reads an object member by member and remembers every problem.
class Reader {
 public:
  Reader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  std::int64_t integer(std::string_view key, std::int64_t minimum = 0) {
    const auto value = optional_integer(key, minimum);
    if (!value && !object_.contains(key)) missing(key, "a whole number");
    return value.value_or(0);
  }
  std::optional<std::int64_t> optional_integer(std::string_view key, std::int64_t minimum = 0) {
    const auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return std::nullopt;
    const bool fits = found->is_number_integer() &&
                      (!found->is_number_unsigned() || found->get<std::uint64_t>() <= INT64_MAX) &&
                      found->get<std::int64_t>() >= minimum;
    if (fits) return found->get<std::int64_t>();
    missing(key, "a whole number of at least " + std::to_string(minimum));
    return std::nullopt;
  }
  std::int64_t integer_or_zero(std::string_view key) { return optional_integer(key).value_or(0); }
  std::string text(std::string_view key) {
    const auto found = object_.find(key);
    if (found != object_.end() && found->is_string()) return found->get<std::string>();
    missing(key, "a string");
    return {};
  }
  bool boolean(std::string_view key) {
    const auto found = object_.find(key);
    if (found != object_.end() && found->is_boolean()) return found->get<bool>();
    missing(key, "true or false");
    return false;
  }
  bool boolean_or_false(std::string_view key) { return object_.contains(key) && boolean(key); }
  std::string text_or_empty(std::string_view key) { return object_.contains(key) ? text(key) : ""; }
  std::vector<std::string> texts_or_none(std::string_view key) {
    std::vector<std::string> texts;
    const auto found = object_.find(key);
    if (found == object_.end()) return texts;
    const bool fits =
        found->is_array() && std::ranges::all_of(*found, [](const Json& item) { return item.is_string(); });
    if (fits) return found->get<std::vector<std::string>>();
    missing(key, "a list of strings");
    return texts;
  }
  std::map<std::string, std::int64_t> counts() {  // all that there is
    std::map<std::string, std::int64_t> counts;
    for (const auto& [key, value] : object_.items()) counts.emplace(key, integer(key));
    return counts;
  }
  Given settings(std::string_view key, Ignored& ignored) {
    Given given;
    const auto found = object_.find(key);
    if (found == object_.end() || !found->is_object()) {
      missing(key, "an object");
      return given;
    }
    for (const auto& [name, value] : found->items()) {
      const Setting* setting = find(name);
      if (setting != nullptr) {
        read_setting(*setting, value, given);
      } else {
        ignore(ignored, name);
      }
    }
    return given;
  }
  // What `read` finds in an object within this one.
  template <typename T>
  std::optional<T> object_or_none(std::string_view key, T (*read)(Reader&)) {
    const auto found = object_.find(key);
    if (found == object_.end() || !found->is_object()) return std::nullopt;
    Reader reader(*found, path_ + std::string(key) + ".");
    T value = read(reader);
    append(reader.take());
    return value;
  }
  void append(Problems problems) {
    problems_.insert(problems_.end(), std::make_move_iterator(problems.begin()),
                     std::make_move_iterator(problems.end()));
  }
  Problems take() { return std::move(problems_); }

 private:
  void missing(std::string_view key, std::string_view expected) {
    problems_.push_back(problem(path_ + std::string(key), "must be " + std::string(expected)));
  }
  void read_setting(const Setting& setting, const Json& value, Given& given) {
    const std::string name(setting.key);
    const bool typed = setting.kind == Kind::kCount ? value.is_number_integer() : value.is_string();
    if (!typed) {
      problems_.push_back(problem("settings." + name, "must be " + allowed_range(setting)));
      return;
    }
    auto parsed = parse_value(setting, value.is_string() ? value.get<std::string>() : value.dump());
    if (parsed) {
      given[name] = *parsed;
    } else {
      problems_.push_back(std::move(parsed.error()));
    }
  }

  const Json& object_;
  std::string path_;
  Problems problems_;
};

}  // namespace storagepool::settings
