// Sizes as people write Kubernetes' resource.Quantity: a number of bytes, or one with k, M, G, T (powers of
// 1000) or Ki, Mi, Gi, Ti (powers of 1024), with up to three decimals ("1Gi", "1.5G", "0").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storagepool::settings {

// In bytes, a fraction of one rounded up. No value for anything else, or for more than fits into 63 bits.
std::optional<std::int64_t> parse_bytes(std::string_view text);

// The shortest exact form in powers of 1024: "1Gi", "1536Mi", "1000".
std::string format_bytes(std::int64_t bytes);

}  // namespace storagepool::settings
