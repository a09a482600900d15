#include "operator/render/fields.h"

#include <utility>

#include "pool/common/json/json.h"
#include "pool/common/settings/duration.h"

namespace storagepool::render {
namespace {

constexpr std::size_t kMaxShown = 64;

std::string shown(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace

bool lower_case_name(std::string_view text, std::size_t longest, std::string_view also) {
  const auto edge = [](char c) { return is_lower(c) || is_digit(c); };
  return made_of(text, longest, [&](char c) { return edge(c) || also.find(c) != also.npos; }) &&
         edge(text.front()) && edge(text.back());
}

bool accepts_secret(std::string_view text) {
  return lower_case_name(text, 253, "-.");
}

bool accepts_host(std::string_view text) {
  return made_of(text, 253, [](char c) {
    return is_alphanumeric(c) || std::string_view("_.:-").find(c) != std::string_view::npos;
  });
}

Fields::Fields(const Json& object, std::string path, FieldProblems& problems)
    : object_(object), path_(std::move(path)), problems_(problems) {
  if (!object.is_object() && !object.is_null()) refuse("", object, "an object");
}

const Json& Fields::at(std::string_view key) const {
  return json::member(object_, key);
}

std::int64_t Fields::integer(std::string_view key, std::int64_t fallback, std::int64_t minimum,
                             std::int64_t maximum) {
  const Json& value = at(key);
  if (value.is_null()) return fallback;
  if (!value.is_number_integer() || value < minimum || value > maximum) {
    refuse(key, value, "a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    return fallback;
  }
  return value.get<std::int64_t>();
}

std::string Fields::text(std::string_view key, Accepts accepts, std::string_view allowed) {
  const Json& value = at(key);
  if (value.is_string() && accepts(value.get_ref<const std::string&>())) return value.get<std::string>();
  refuse(key, value, allowed);
  return {};
}

std::vector<std::string> Fields::texts(std::string_view key, std::size_t longest, Accepts accepts,
                                       std::string_view allowed) {
  const Json& list = at(key);
  const auto is_one = [&](const Json& value) {
    return value.is_string() && accepts(value.get_ref<const std::string&>());
  };
  if (list.is_array() && !list.empty() && list.size() <= longest &&
      std::all_of(list.begin(), list.end(), is_one)) {
    return list.get<std::vector<std::string>>();
  }
  refuse(key, list, "a list of 1 to " + std::to_string(longest) + " of " + std::string(allowed));
  return {};
}

std::chrono::milliseconds Fields::duration(std::string_view key, std::chrono::milliseconds fallback,
                                           std::chrono::milliseconds minimum,
                                           std::chrono::milliseconds maximum) {
  const Json& value = at(key);
  if (value.is_null()) return fallback;
  const auto given = value.is_string() ? settings::parse_duration(value.get_ref<const std::string&>())
                                       : std::optional<std::chrono::milliseconds>();
  if (given && *given >= minimum && *given <= maximum) return *given;
  refuse(
      key, value,
      "a duration from " + settings::format_duration(minimum) + " to " + settings::format_duration(maximum));
  return fallback;
}

std::string Fields::word(std::string_view key, std::initializer_list<std::string_view> words) {
  const Json& value = at(key);
  if (value.is_null()) return std::string(*words.begin());
  std::string allowed;
  for (const std::string_view candidate : words) {
    if (value == candidate) return std::string(candidate);
    allowed += (allowed.empty() ? "" : ", ") + std::string(candidate);
  }
  refuse(key, value, allowed);
  return std::string(*words.begin());
}

bool Fields::boolean(std::string_view key) {
  const Json& value = at(key);
  if (!value.is_null() && !value.is_boolean()) refuse(key, value, "true or false");
  return value == true;
}

Json Fields::pass(std::string_view key, Json::value_t type, std::string_view allowed) {
  const Json& value = at(key);
  if (!value.is_null() && value.type() != type) refuse(key, value, allowed);
  return value;
}

void Fields::refuse(std::string_view key, const Json& value, std::string_view allowed) {
  std::string field = path_;
  if (!key.empty()) field += "." + std::string(key);
  problems_.push_back(field + (value.is_null() ? " is missing" : " is " + shown(value)) +
                      "; allowed: " + std::string(allowed));
}

}  // namespace storagepool::render
