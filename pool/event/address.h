// IP addresses as texts.
#pragma once

#include <optional>
#include <string>

namespace storagepool::event {

// The one spelling of an IPv4 or IPv6 address that PostgreSQL gives back of an `inet` without a length (RFC
// 5952, and an IPv4 address in an IPv6 one with dots); no value for anything else, prefix lengths and zones
// included.
std::optional<std::string> canonical_address(const std::string& text);

}  // namespace storagepool::event
