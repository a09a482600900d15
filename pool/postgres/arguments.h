// The parameters of a statement as libpq takes them, private to this folder.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

inline constexpr std::size_t kMaxParameterBytes = std::size_t{1} << 30;  // as of any value in PostgreSQL

// Views into the parameters.
struct Arguments {
  static constexpr int kText = 0;
  static constexpr int kBinary = 1;
  std::vector<const char*> values = {};
  std::vector<int> lengths = {};
  std::vector<int> formats = {};

  int count() const { return static_cast<int>(values.size()); }
  std::optional<Error> add(const Parameter& parameter) {
    const auto& value = parameter.value();
    if (value && value->size() >= kMaxParameterBytes) {
      return Error{ErrorClass::kOther, "22000", "", "a parameter is larger than 1 GiB"};
    }
    if (value && !parameter.is_binary() && value->find('\0') != std::string::npos) {
      return Error{ErrorClass::kOther, "22021", "", "a parameter contains a NUL byte"};
    }
    values.push_back(value ? value->c_str() : nullptr);
    lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    formats.push_back(parameter.is_binary() ? kBinary : kText);
    return std::nullopt;
  }
};

}  // namespace storagepool::postgres
