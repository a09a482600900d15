// The identifier that ties a request to its answer and our logs (`X-Request-Id`).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace storagepool::http {

// `given` if it is 1 to 128 printable ASCII characters, else a new random one: 128 bits in lower-case hex.
std::string request_id(std::optional<std::string_view> given);

}  // namespace storagepool::http
