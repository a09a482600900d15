// Takes a request target apart (RFC 9112 §3.2: origin-form, absolute-form and `*`). Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace storagepool::http {

struct Target {
  std::string path;  // percent-decoded; "*" for the asterisk-form
  std::vector<std::pair<std::string, std::string>>
      query;  // as application/x-www-form-urlencoded: `+` is a space
};

// The error is a sentence for the client: malformed percent-encoding, an encoded NUL, a fragment, or no path
// at all.
tl::expected<Target, std::string> parse_target(std::string_view target);

}  // namespace storagepool::http
