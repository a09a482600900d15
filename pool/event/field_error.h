// A rejected part of a request: which field, what was given and what is allowed, as the client reads it in a
// 400.
#pragma once

#include <string>
#include <vector>

namespace storagepool::event {

struct FieldError {
  std::string field;    // a field of the body or a query parameter; "body" when the JSON itself is at fault
  std::string message;  // names what was given and what is allowed
  friend bool operator==(const FieldError&, const FieldError&) = default;
};
using FieldErrors = std::vector<FieldError>;

}  // namespace storagepool::event
