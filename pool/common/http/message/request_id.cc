#include "pool/common/http/message/request_id.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/random.h"

namespace storagepool::http {
namespace {

constexpr std::size_t kMaxLength = 128;

bool sane(std::string_view id) {
  return !id.empty() && id.size() <= kMaxLength &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string request_id(std::optional<std::string_view> given) {
  if (given && sane(*given)) return std::string(*given);
  std::array<std::uint8_t, 16> random{};
  runtime::fill_random(random);
  return encoding::encode_hex(random);
}

}  // namespace storagepool::http
