// Globs, of `*` (any characters, also none) and `?` (one character). Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace storagepool::auth {

// Whether the whole text matches. At most as many steps as the product of the two lengths.
inline bool matches_glob(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;  // the last one, and where it has begun to match
  std::size_t begun = 0;
  std::size_t next = 0;
  while (at < text.size()) {
    if (next < glob.size() && glob[next] == '*') {
      star = next++;
      begun = at;
    } else if (next < glob.size() && (glob[next] == '?' || glob[next] == text[at])) {
      ++next;
      ++at;
    } else if (star != std::string_view::npos) {
      next = star + 1;
      at = ++begun;
    } else {
      return false;
    }
  }
  while (next < glob.size() && glob[next] == '*') ++next;
  return next == glob.size();
}

}  // namespace storagepool::auth
