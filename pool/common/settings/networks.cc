#include "pool/common/settings/networks.h"

#include <algorithm>
#include <charconv>
#include <string>

#include <arpa/inet.h>

#include "pool/common/settings/comma_list.h"

namespace storagepool::settings {
namespace {

constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;
constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96, where IPv6 writes IPv4 addresses
constexpr std::size_t kMaxAddressText = 45;

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

// As it is written.
std::optional<Address> read_address(std::string_view text) {
  if (text.size() > kMaxAddressText) return std::nullopt;
  const std::string whole(text);  // inet_pton takes texts that end in NUL
  if (whole.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  address.v6 = whole.find(':') != std::string::npos;
  if (::inet_pton(address.v6 ? AF_INET6 : AF_INET, whole.c_str(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

Address unmapped(const Address& address) {
  if (!address.v6 || !is_mapped(address.bytes)) return address;
  Address v4;
  std::copy_n(address.bytes.begin() + 12, 4, v4.bytes.begin());
  return v4;
}

// Without leading zeros.
std::optional<unsigned> read_bits(std::string_view text, unsigned most) {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc{} || end != text.data() + text.size() || bits > most) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return bits;
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || text.size() > kMaxNetworkText) return std::nullopt;
  const auto address = read_address(text.substr(0, slash));
  if (!address || (address->v6 && text.find('.') != std::string_view::npos)) return std::nullopt;
  const auto bits = read_bits(text.substr(slash + 1), address->v6 ? kV6Bits : kV4Bits);
  if (!bits) return std::nullopt;
  const bool mapped = address->v6 && *bits >= kMappedBits && is_mapped(address->bytes);
  return mapped ? Network{unmapped(*address), *bits - kMappedBits} : Network{*address, *bits};
}

bool contains(const Network& network, const Address& address) {
  if (network.address.v6 != address.v6) return false;
  for (unsigned bit = 0; bit < network.bits; bit += 8) {
    const unsigned shared = std::min(network.bits - bit, 8U);
    const unsigned mask = 0xffU << (8 - shared) & 0xffU;
    if (((network.address.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const auto address = read_address(text);
  if (!address) return std::nullopt;
  return unmapped(*address);
}

bool accepts_network(std::string_view text) {
  return parse_network(text).has_value();
}

std::optional<std::vector<Network>> parse_networks(std::string_view text) {
  std::vector<Network> networks;
  for (const std::string_view one : split_at_commas(text)) {
    const auto network = parse_network(one);
    if (!network || networks.size() == kMaxNetworks) return std::nullopt;
    networks.push_back(*network);
  }
  return networks;
}

bool contains(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return contains(network, address); });
}

}  // namespace storagepool::settings
