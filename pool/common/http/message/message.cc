#include "pool/common/http/message/message.h"

#include <algorithm>
#include <numeric>

#include "pool/common/http/limits/memory_budget.h"
#include "pool/common/http/message/fields.h"

namespace storagepool::http {

std::optional<std::string_view> Request::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& field) { return equals_ignoring_case(field.first, name); });
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  const auto found = std::find_if(query.begin(), query.end(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  if (found == query.end()) return std::nullopt;
  return found->second;
}

bool Request::reserve(std::size_t bytes) const {
  return memory == nullptr || memory->grow(bytes);
}

std::size_t body_size(const Response& response) {
  return std::accumulate(response.pieces.begin(), response.pieces.end(), response.body.size(),
                         [](std::size_t size, const std::string& piece) { return size + piece.size(); });
}

}  // namespace storagepool::http
