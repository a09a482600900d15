#include "pool/common/http/message/forwarded.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "pool/common/http/limits/rate_limit.h"
#include "pool/common/http/message/fields.h"

namespace ip = boost::asio::ip;

namespace storagepool::http {
namespace {

constexpr std::string_view kField = "X-Forwarded-For";
constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kMaxPort = 5;  // digits

ip::address to_asio(const settings::Address& address) {
  if (address.v6) return ip::address_v6(address.bytes);
  ip::address_v4::bytes_type bytes{};
  std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
  return ip::address_v4(bytes);
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

bool is_port(std::string_view text) {
  return text.size() > 1 && text.size() <= 1 + kMaxPort && text.front() == ':' &&
         std::all_of(text.begin() + 1, text.end(), is_digit);
}

std::optional<settings::Address> hop(std::string_view text) {
  std::string_view address = without_blanks(text);
  std::string_view port;
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    port = address.substr(end + 1);
    address = address.substr(1, end - 1);
  } else if (const std::size_t colon = address.find(':');
             colon != std::string_view::npos && colon == address.rfind(':')) {  // IPv6 has two at least
    port = address.substr(colon);
    address = address.substr(0, colon);
  }
  if (!port.empty() && !is_port(port)) return std::nullopt;
  return settings::parse_address(address);
}

}  // namespace

ip::address client_behind(const std::vector<settings::Network>& trusted, const ip::address& peer,
                          const std::vector<std::pair<std::string, std::string>>& headers) {
  ip::address client = peer;
  auto last = trusted.empty() ? std::nullopt : settings::parse_address(client_text(peer));
  for (auto field = headers.rbegin(); field != headers.rend(); ++field) {
    if (!equals_ignoring_case(field->first, kField)) continue;
    std::string_view left = field->second;
    for (bool more = true; more;) {
      if (!last || !settings::contains(trusted, *last)) return client;
      const std::size_t comma = left.rfind(',');
      more = comma != std::string_view::npos;
      last = hop(left.substr(more ? comma + 1 : 0));
      if (last) client = to_asio(*last);
      left = left.substr(0, more ? comma : 0);
    }
  }
  return client;
}

}  // namespace storagepool::http
