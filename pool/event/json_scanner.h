// Walks through a JSON text that is known to be valid without reading what its values hold.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace storagepool::event {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Positions in a valid JSON text; every step stays within it, whatever it holds.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  char peek() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool done() {
    peek();
    return at_ == text_.size();
  }
  bool literal(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  // The value at the current position, with everything nested in it.
  std::string_view value() {
    const char first = peek();
    const std::size_t begin = at_;
    if (first == '"') {
      skip_string();
    } else if (first == '{' || first == '[') {
      skip_nested();
    } else {
      at_ = std::min(text_.find_first_of(" \t\r\n,}]", at_), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_string() {
    at_ = quote_or_backslash(at_ + 1);
    while (at_ < text_.size() && text_[at_] == '\\') at_ = quote_or_backslash(at_ + 2);
    at_ = std::min(at_ + 1, text_.size());
  }
  void skip_nested() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return;
    }
  }

  // The first one from there on, else the end; eight bytes at a time. Subtracting from each byte borrows
  // where it is zero, and the lowest that does is one.
  std::size_t quote_or_backslash(std::size_t at) const {
    static_assert(std::endian::native == std::endian::little);
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    const auto zeros = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes & (kOnes * 0x80); };
    for (std::uint64_t bytes = 0; at + sizeof bytes <= text_.size(); at += sizeof bytes) {
      std::memcpy(&bytes, text_.data() + at, sizeof bytes);
      const std::uint64_t found = zeros(bytes ^ kOnes * '"') | zeros(bytes ^ kOnes * '\\');
      if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
    while (at < text_.size() && text_[at] != '"' && text_[at] != '\\') ++at;
    return std::min(at, text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Calls `each(key as a string token, value)` for the members of the object `text`.
template <typename Each>
void for_each_member(std::string_view text, const Each& each) {
  JsonScanner scanner(text);
  if (!scanner.literal('{')) return;
  while (scanner.peek() == '"') {
    const std::string_view key_token = scanner.value();
    if (!scanner.literal(':')) return;
    each(key_token, scanner.value());
    if (!scanner.literal(',')) return;
  }
}

}  // namespace storagepool::event
