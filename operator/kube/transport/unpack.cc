#include "operator/kube/transport/unpack.h"

#include <algorithm>
#include <utility>

#include "pool/common/http/message/coding.h"

namespace storagepool::kube {
namespace {

constexpr std::size_t kTypicalRatio = 12;
constexpr std::size_t kLeastRoom = std::size_t{64} * 1024;

}  // namespace

tl::expected<std::string, ApiError> unpack(std::string_view packed, std::size_t most) {
  http::Decoder decoder(http::Coding::kGzip);
  std::string body;
  std::size_t made = 0;
  while (!packed.empty() || !decoder.whole()) {
    if (made == body.size()) {
      if (made == most) {
        return tl::unexpected(
            ApiError{.reason = std::string(kReasonTooLarge),
                     .message = "the answer is larger than " + std::to_string(most) + " bytes"});
      }
      body.resize(std::min(most, std::max({kLeastRoom, kTypicalRatio * packed.size(), 2 * made})));
    }
    const auto step = decoder.decode(packed, body.data() + made, body.size() - made);
    const bool stuck = step && step->taken == 0 && step->made == 0;
    if (!step || stuck) {
      return tl::unexpected(
          ApiError{.reason = std::string(kReasonMalformed),
                   .message = "the answer cannot be unpacked: " + (step ? "it is cut off" : step.error())});
    }
    packed.remove_prefix(step->taken);
    made += step->made;
  }
  body.resize(made);
  return body;
}

}  // namespace storagepool::kube
