#include "pool/common/http/message/trace_context.h"

#include <algorithm>
#include <string_view>

#include "pool/common/http/message/fields.h"

namespace storagepool::http {
namespace {

constexpr std::size_t kVersion = 2;
constexpr std::size_t kTraceId = 32;
constexpr std::size_t kParentId = 16;
constexpr std::size_t kFlags = 2;
constexpr std::size_t kSize = kVersion + 1 + kTraceId + 1 + kParentId + 1 + kFlags;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// Of version 00, or as much of a later one as that has in common with it (§4.2.1).
std::string_view parse(std::string_view value) {
  if (value.size() < kSize) return {};
  const std::string_view version = value.substr(0, kVersion);
  const std::string_view trace = value.substr(kVersion + 1, kTraceId);
  const std::string_view parent = value.substr(kVersion + 1 + kTraceId + 1, kParentId);
  const std::string_view flags = value.substr(kSize - kFlags, kFlags);
  const bool separated =
      value[kVersion] == '-' && value[kVersion + 1 + kTraceId] == '-' && value[kSize - kFlags - 1] == '-';
  const bool ends = value.size() == kSize || (version != "00" && value[kSize] == '-');
  if (!separated || !ends || !is_hex(version) || version == "ff" || !is_hex(flags)) return {};
  return is_id(trace) && is_id(parent) ? trace : std::string_view();
}

}  // namespace

std::string trace_id(const Request& request) {
  std::string_view value;
  for (const auto& [name, told] : request.headers) {
    if (!equals_ignoring_case(name, "traceparent")) continue;
    if (!value.empty()) return {};
    value = told;
  }
  return std::string(parse(value));
}

}  // namespace storagepool::http
