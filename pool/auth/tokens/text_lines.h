// The lines of a mounted file of secrets or keys that hold anything, without the blanks around them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace storagepool::auth {

struct TextLine {
  std::size_t number;  // from 1, as an editor counts
  std::string_view text;
};

inline std::vector<TextLine> lines_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<TextLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    if (!line.empty()) lines.push_back({number, line});
  }
  return lines;
}

}  // namespace storagepool::auth
