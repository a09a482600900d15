#include "operator/render/log_witnesses.h"

#include <algorithm>
#include <set>

#include "operator/render/fields.h"
#include "pool/common/json/json.h"

namespace storagepool::render {
namespace {

constexpr int kMaxPort = 65535;

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") &&
          std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; }));
}

bool accepts_path(std::string_view path) {
  return path.empty() || (path.front() == '/' && std::ranges::all_of(path, [](char c) {
                            return is_alphanumeric(c) ||
                                   std::string_view("._~%/-").find(c) != std::string_view::npos;
                          }));
}

std::optional<std::string> read_port(std::string_view port) {
  if (!made_of(port, 5, is_digit) || port.front() == '0') return std::nullopt;
  return json::parse_integer(port).value_or(0) <= kMaxPort ? std::optional(std::string(port)) : std::nullopt;
}

bool accepts_witness_url(std::string_view text) {
  return parse_witness_url(text).has_value();
}

// What is 33 bytes in base64 of which the first is 0x04. Whether the id is that of name and key is seen where
// it is used.
bool accepts_witness_key(std::string_view text) {
  constexpr std::size_t kIdDigits = 8;
  constexpr std::size_t kKeyText = 44;
  const std::size_t first = text.find('+');
  const std::size_t second = first == text.npos ? text.npos : text.find('+', first + 1);
  if (second == text.npos) return false;
  const std::string_view key = text.substr(second + 1);
  return made_of(text.substr(0, first), kMaxWitnessName, [](char c) { return c > ' ' && c < 0x7f; }) &&
         second - first == kIdDigits + 1 &&
         made_of(text.substr(first + 1, kIdDigits), kIdDigits,
                 [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }) &&
         key.size() == kKeyText && key[0] == 'B' && key[1] >= 'A' && key[1] <= 'P' &&
         made_of(key, kKeyText, [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; });
}

}  // namespace

std::string WitnessUrl::authority() const {
  return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + port;
}

std::optional<WitnessUrl> parse_witness_url(std::string_view text) {
  WitnessUrl url;
  if (text.size() > kMaxWitnessUrl) return std::nullopt;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return std::nullopt;
  text.remove_prefix(url.tls ? 8 : 7);
  const std::size_t end = std::min(text.find('/'), text.size());
  std::string_view path = text.substr(end);
  if (!accepts_path(path)) return std::nullopt;
  while (path.ends_with('/')) path.remove_suffix(1);
  url.path = path;
  text = text.substr(0, end);
  std::string_view host = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return std::nullopt;
    host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (host.find(':') == host.npos) return std::nullopt;
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
  }
  if (!accepts_host(host)) return std::nullopt;
  url.host = host;
  const auto port = text.empty()          ? std::optional<std::string>(url.tls ? "443" : "80")
                    : text.front() == ':' ? read_port(text.substr(1))
                                          : std::nullopt;
  if (!port || (!url.tls && !is_loopback(host))) return std::nullopt;
  url.port = *port;
  return url;
}

std::size_t read_log_witnesses(const Json& log, FieldProblems& problems) {
  Fields fields(log, "spec.log", problems);
  const Json& list = fields.at("witnesses");
  if (list.is_null()) return 0;
  if (!list.is_array() || list.empty() || list.size() > kMaxLogWitnesses) {
    fields.refuse("witnesses", list, "a list of 1 to " + std::to_string(kMaxLogWitnesses) + " witnesses");
    return 0;
  }
  std::set<std::string> keys;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields one(list[i], "spec.log.witnesses[" + std::to_string(i) + "]", problems);
    one.text("url", accepts_witness_url, kAllowedWitnessUrl);
    const std::string key = one.text("vkey", accepts_witness_key, kAllowedWitnessKey);
    if (!key.empty() && !keys.insert(key).second) one.refuse("vkey", key, "each witness once");
  }
  return list.size();
}

std::vector<LogWitness> log_witnesses(const Json& storage_pool) {
  std::vector<LogWitness> named;
  for (const Json& one : json::at(storage_pool, "/spec/log/witnesses")) {
    LogWitness witness{.url = json::text_of(json::member(one, "url")),
                       .vkey = json::text_of(json::member(one, "vkey"))};
    if (!witness.url.empty() && !witness.vkey.empty() && named.size() < kMaxLogWitnesses)
      named.push_back(std::move(witness));
  }
  return named;
}

}  // namespace storagepool::render
