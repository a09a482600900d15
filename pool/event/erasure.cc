#include "pool/event/erasure.h"

#include <algorithm>

namespace storagepool::event {
namespace {

constexpr std::string_view kBegin = R"( {"erased":true,"event_data_sha256":")";
constexpr std::string_view kMessage = R"(","error_message_sha256":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::size_t kDigest = 64;  // hexadecimal digits of SHA-256

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::string> take_digest(std::string_view& text) {
  const std::string_view digest = text.substr(0, kDigest);
  const bool is_one = digest.size() == kDigest && std::ranges::all_of(digest, [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
  if (!is_one) return std::nullopt;
  text.remove_prefix(kDigest);
  return std::string(digest);
}

}  // namespace

std::string write_erasure(const Erasure& erasure) {
  std::string text(kBegin);
  text += erasure.event_data_sha256;
  if (erasure.error_message_sha256) {
    text += kMessage;
    text += *erasure.error_message_sha256;
  }
  text += kEnd;
  return text;
}

std::optional<Erasure> read_erasure(std::string_view event_data) {
  Erasure erasure;
  if (!take(event_data, kBegin)) return std::nullopt;
  auto data = take_digest(event_data);
  if (!data) return std::nullopt;
  erasure.event_data_sha256 = *std::move(data);
  if (take(event_data, kMessage)) {
    erasure.error_message_sha256 = take_digest(event_data);
    if (!erasure.error_message_sha256) return std::nullopt;
  }
  if (event_data != kEnd) return std::nullopt;
  return erasure;
}

}  // namespace storagepool::event
