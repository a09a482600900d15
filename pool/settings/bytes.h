// Sizes as Kubernetes' resource.Quantity writes whole binary multiples: a whole number of bytes, or one with
// Ki, Mi, Gi or Ti ("1Gi", "512Mi", "0").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::settings {

// No value for anything else, or for more than fits into 63 bits.
std::optional<std::int64_t> parse_bytes(std::string_view text);

// The shortest exact form: "1Gi", "1536Mi", "1000".
std::string format_bytes(std::int64_t bytes);

}  // namespace storagepool::settings
