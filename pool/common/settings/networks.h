// Networks of IP addresses, as those of the proxies that are believed: 10.0.0.0/8, fd00::/8. The program's
// command line and the StoragePool's spec both go by it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace storagepool::settings {

inline constexpr std::size_t kMaxNetworks = 64;
inline constexpr std::size_t kMaxNetworkText = 43;  // characters

inline constexpr std::string_view kAllowedNetwork =
    "an IPv4 or IPv6 network with the bits of its prefix such as 10.0.0.0/8, 192.0.2.7/32, fd00::/8";
inline constexpr std::string_view kAllowedNetworks =
    "1 to 64 IPv4 or IPv6 networks with commas between them, each with the bits of its prefix such as "
    "10.0.0.0/8,192.0.2.7/32,fd00::/8";

// An IPv4 address that is written as an IPv6 one (::ffff:192.0.2.7) is the IPv4 address.
struct Address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // of an IPv4 address the first four

  friend bool operator==(const Address&, const Address&) = default;
};

struct Network {
  Address address;  // one of it: what is behind the prefix does not count
  unsigned bits = 0;
};

// No value for anything else than an address: names, ports, brackets and zones too.
std::optional<Address> parse_address(std::string_view text);

bool accepts_network(std::string_view text);  // as kAllowedNetwork says
// No value for anything else than kAllowedNetworks.
std::optional<std::vector<Network>> parse_networks(std::string_view text);

bool contains(const std::vector<Network>& networks, const Address& address);

}  // namespace storagepool::settings
