// Reads the members of one object of a StoragePool's spec; what is not as allowed becomes a problem that
// names the field, the value and what is allowed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "operator/render/storage_pool.h"

namespace storagepool::render {

using Accepts = bool (*)(std::string_view text);

inline bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_alphanumeric(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c);
}

template <typename Each>
bool made_of(std::string_view text, std::size_t longest, Each each) {
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), each);
}
// Lower case letters and digits, and of `also` within.
bool lower_case_name(std::string_view text, std::size_t longest, std::string_view also);

inline constexpr const char* kSecretNameAllowed = "1 to 253 lower case letters, digits, - and .";
bool accepts_secret(std::string_view text);
bool accepts_host(std::string_view text);  // a DNS name or an IP address, without brackets

class Fields {
 public:
  Fields(const Json& object, std::string path, FieldProblems& problems);

  const Json& at(std::string_view key) const;  // null: absent
  bool has(std::string_view key) const { return !at(key).is_null(); }

  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t minimum,
                       std::int64_t maximum);
  std::string text(std::string_view key, Accepts accepts, std::string_view allowed);
  // A list of one to `longest` texts.
  std::vector<std::string> texts(std::string_view key, std::size_t longest, Accepts accepts,
                                 std::string_view allowed);
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback,
                                     std::chrono::milliseconds minimum, std::chrono::milliseconds maximum);
  // One of a few words; the first one when absent.
  std::string word(std::string_view key, std::initializer_list<std::string_view> words);
  bool boolean(std::string_view key);
  Json pass(std::string_view key, Json::value_t type, std::string_view allowed);
  void refuse(std::string_view key, const Json& value, std::string_view allowed);

 private:
  const Json& object_;
  std::string path_;
  FieldProblems& problems_;
};

}  // namespace storagepool::render
