#include "pool/event/address.h"

#include <arpa/inet.h>

#include <array>

namespace storagepool::event {

std::optional<std::string> canonical_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> spelt{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes.data()) == 1 &&
        inet_ntop(family, bytes.data(), spelt.data(), spelt.size()) != nullptr) {
      return std::string(spelt.data());
    }
  }
  return std::nullopt;
}

}  // namespace storagepool::event
