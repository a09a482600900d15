#include "pool/common/http/message/target.h"

#include <optional>

#include "pool/common/http/message/fields.h"

namespace storagepool::http {
namespace {

std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = to_lower(c);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
  return std::nullopt;
}

tl::expected<std::string, std::string> decode(std::string_view text, std::string_view where,
                                              bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const auto high = i + 2 < text.size() ? hex_value(text[i + 1]) : std::nullopt;
      const auto low = i + 2 < text.size() ? hex_value(text[i + 2]) : std::nullopt;
      if (!high || !low) {
        return tl::unexpected("malformed percent-encoding \"" + std::string(text.substr(i, 3)) +
                              "\" in the " + std::string(where) +
                              ": % must be followed by two hexadecimal digits");
      }
      const auto byte = static_cast<char>(*high * 16 + *low);
      if (byte == '\0') return tl::unexpected("the " + std::string(where) + " must not contain %00");
      decoded += byte;
      i += 2;
    }
  }
  return decoded;
}

// Path and query of an absolute-form target ("http://host/path?query"); anything else is returned as it is.
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme))
      continue;
    const std::size_t end = target.find_first_of("/?", scheme.size());
    if (end == std::string_view::npos) return "/";
    return target.substr(end);
  }
  return target;
}

tl::expected<std::vector<std::pair<std::string, std::string>>, std::string> parse_query(
    std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view parameter = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (parameter.empty()) continue;
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    auto name = decode(parameter.substr(0, equals), "query", true);
    if (!name) return tl::unexpected(name.error());
    auto value = decode(parameter.substr(std::min(equals + 1, parameter.size())), "query", true);
    if (!value) return tl::unexpected(value.error());
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

}  // namespace

tl::expected<Target, std::string> parse_target(std::string_view target) {
  if (target == "*") return Target{"*", {}};
  if (target.find('#') != std::string_view::npos) {
    return tl::unexpected(std::string("the request target must not contain a fragment (#)"));
  }
  std::string_view local = without_authority(target);
  const std::size_t question = std::min(local.find('?'), local.size());
  std::string_view raw_path = local.substr(0, question);
  if (raw_path.empty() && local.size() != target.size()) raw_path = "/";  // "http://host?query"
  if (!raw_path.starts_with('/'))
    return tl::unexpected(std::string("the request target must start with \"/\""));

  auto path = decode(raw_path, "path", false);
  if (!path) return tl::unexpected(path.error());
  auto query = parse_query(local.substr(std::min(question + 1, local.size())));
  if (!query) return tl::unexpected(query.error());
  return Target{std::move(*path), std::move(*query)};
}

}  // namespace storagepool::http
