// The quick way to read an object's members: a text without rarities is checked by simdjson, which takes a
// tenth of the time of the exact reader (`parse_json_members`), and cut into its members. Whatever is not
// plain or not valid is left to that one, so that there is one place that decides what is refused and why.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "pool/event/json_members.h"

namespace storagepool::event {

// What `parse_json_members` returns for `text`, or no value when that has to be asked. Plain is a text of at
// most 64 KiB without a byte order mark, \u escapes and NUL bytes.
std::optional<JsonMembers> read_plain_members(std::string_view text,
                                              std::span<const std::string_view> wanted);

}  // namespace storagepool::event
