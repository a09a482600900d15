// Reading JSON that anybody can edit: what is absent, or has another type than expected, reads as null, as
// the fallback or as empty text, and nothing throws. A pointer is a JSON pointer (RFC 6901) that is well
// formed, as "/metadata/name". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace storagepool::json {

using Json = nlohmann::json;

// References into `json`, or to a null that lives forever.
const Json& member(const Json& json, std::string_view key);
const Json& at(const Json& json, const char* pointer);

std::string text_of(const Json& value);
std::string text_at(const Json& json, const char* pointer);
std::int64_t integer_at(const Json& json, const char* pointer, std::int64_t fallback);
std::optional<std::int64_t> integer_at(const Json& json, const char* pointer);

// The whole text as a decimal number, as annotations carry them.
std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace storagepool::json
