// base64url (RFC 4648, section 5) as tokens and keys are written: without padding, white space and stray
// bits at the end, so that some bytes have one spelling.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace storagepool::auth {

std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace storagepool::auth
