#pragma once

#include <string_view>

namespace storagepool::settings {

// The digits at the front of `text`, which are taken away.
inline std::string_view take_digits(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return digits;
}

}  // namespace storagepool::settings
