#include "pool/event/address.h"

#include <arpa/inet.h>

#include <array>

namespace storagepool::event {

std::optional<std::string> canonical_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return text.c_str();  // it has one spelling only
  std::array<char, INET6_ADDRSTRLEN> spelt{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1 &&
      inet_ntop(AF_INET6, bytes.data(), spelt.data(), spelt.size()) != nullptr) {
    return spelt.data();
  }
  return std::nullopt;
}

}  // namespace storagepool::event
