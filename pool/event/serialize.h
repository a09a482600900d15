// Events as the wire contract writes them: members in its order, times in UTC with trailing zeros trimmed,
// and `event_data` byte for byte as the client sent it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "pool/event/event.h"

namespace storagepool::event {

// Of a page asked for by a cursor neither offset nor total are told: nobody has counted.
struct Pagination {
  std::int64_t limit = 0;
  std::optional<std::int64_t> offset{};
  std::optional<std::int64_t> total{};
  bool has_more = false;
  std::optional<std::string> next{};  // the cursor of the next page, if there is more
  friend bool operator==(const Pagination&, const Pagination&) = default;
};

std::string to_json(const Event& event);
std::string to_json(std::span<const Event> events, const Pagination& pagination);

// The answer to a created event.
std::string created_json(const std::string& event_id, runtime::Timestamp event_timestamp);

}  // namespace storagepool::event
