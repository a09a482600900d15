// What strangers and proxies write into X-Forwarded-For, in several fields (one a line). Whatever stands
// before it, the address that a trusted proxy has added counts, and what is no address ends what is believed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/fuzzing/require.h"
#include "pool/common/http/limits/rate_limit.h"
#include "pool/common/http/message/forwarded.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool;
  using fuzzing::require;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::pair<std::string, std::string>> headers;
  for (bool more = true; more;) {
    const std::string_view line = text.substr(0, text.find('\n'));
    more = line.size() < text.size();
    text.remove_prefix(more ? line.size() + 1 : line.size());
    headers.emplace_back("X-Forwarded-For", line);
  }
  const auto trusted =
      settings::parse_networks("10.0.0.0/8,fd00::/8").value_or(std::vector<settings::Network>());
  const auto proxy = boost::asio::ip::make_address("10.0.0.1");
  const auto stranger = boost::asio::ip::make_address("192.0.2.7");
  const auto client = http::client_behind(trusted, proxy, headers);
  require(settings::parse_address(http::client_text(client)).has_value(), "the client is an address");
  require(http::client_behind({}, proxy, headers) == proxy, "nobody is trusted unasked");
  require(http::client_behind(trusted, stranger, headers) == stranger, "a stranger is not believed");

  auto added = headers;
  added.back().second += ", 192.0.2.7";
  require(http::client_behind(trusted, proxy, added) == stranger, "who a proxy adds is the client");
  added = headers;
  added.emplace_back("X-Forwarded-For", "192.0.2.7, fd00::1, 10.0.0.2:80");
  require(http::client_behind(trusted, proxy, added) == stranger, "several proxies add to each other");
  added.back().second = "unknown";
  require(http::client_behind(trusted, proxy, added) == proxy,
          "nothing is believed beyond what is no address");
  return 0;
}
