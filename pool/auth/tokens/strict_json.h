// JSON (RFC 8259) of which nothing can be read in two ways: a name given twice in one object, at whatever
// depth, makes it unreadable, as do a NUL byte, text that is not UTF-8 and nesting deeper than 16 levels.
#pragma once

#include <optional>
#include <string_view>

#include "pool/common/json/json.h"

namespace storagepool::auth {

std::optional<json::Json> parse_strict_json(std::string_view text);

}  // namespace storagepool::auth
