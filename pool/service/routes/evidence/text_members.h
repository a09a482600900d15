// The texts of a small JSON object in the body of a request.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "pool/common/http/server.h"
#include "pool/event/field_error.h"

namespace storagepool::service {

// In characters.
inline constexpr std::size_t kMaxCorrelationId = 255;
inline constexpr std::size_t kMaxReason = 1000;

class TextMembers {
 public:
  // 413: a body that is too large to be parsed: JSON in memory is many times what it is as text.
  static std::optional<http::Response> refuse(const http::Request& request);
  explicit TextMembers(const std::string& body);

  // Of 1 to `most` characters, none U+0000. Empty where there is no such text, which is an error then.
  std::string take(const char* name, std::size_t most);
  const event::FieldErrors& errors() const { return errors_; }

 private:
  nlohmann::json object_;
  event::FieldErrors errors_;
};

}  // namespace storagepool::service
