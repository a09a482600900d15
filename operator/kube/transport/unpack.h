// Bodies as the API server packs those above 128 KiB: pages of lists, to a tenth of their bytes. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "operator/kube/transport/error.h"

namespace storagepool::kube {

// What was packed by gzip (RFC 1952); kReasonTooLarge when it is more than `most` bytes, kReasonMalformed
// when it is no gzip or not whole.
tl::expected<std::string, ApiError> unpack(std::string_view packed, std::size_t most);

}  // namespace storagepool::kube
