// UTF-8 text as clients send it and PostgreSQL takes it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::event {

// The number of code points, or no value when `text` is not well-formed UTF-8 (Unicode 15, table 3-7).
std::optional<std::size_t> utf8_length(std::string_view text);

// True for well-formed UTF-8 without U+0000, which PostgreSQL cannot store.
bool storable_text(std::string_view text);

// A value as it may be echoed in an error message: in double quotes, cut after 64 code points.
std::string quoted(std::string_view text);

}  // namespace storagepool::event
