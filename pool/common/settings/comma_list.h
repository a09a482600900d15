#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace storagepool::settings {

// What stands between the commas of `text`, at least one, as it is written; it must outlive them.
inline std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    parts.push_back(text.substr(0, comma));
    text.remove_prefix(comma + 1);
  }
  parts.push_back(text);
  return parts;
}

// `texts` with commas between them.
template <typename Texts>
std::string join_with_commas(const Texts& texts) {
  std::string joined;
  bool first = true;
  for (const std::string& text : texts) {
    if (!first) joined += ",";
    first = false;
    joined += text;
  }
  return joined;
}

}  // namespace storagepool::settings
