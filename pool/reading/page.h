// A page of events, and how it is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pool/event/event.h"

namespace storagepool::reading {

// No further than this are events counted for a total, if nothing else is asked for.
inline constexpr std::int64_t kCountedTo = 10'000;

// Of a page asked for by a cursor neither offset nor total are told: nobody has counted. That the total is a
// minimum is written as `total_is_exact: false` too.
struct Pagination {
  std::int64_t limit = 0;
  std::optional<std::int64_t> offset{};
  std::optional<std::int64_t> total{};
  bool total_is_minimum = false;  // there are at least so many, and more than kCountedTo
  bool has_more = false;
  std::optional<std::string> next{};  // the cursor of the next page, if there is more
  friend bool operator==(const Pagination&, const Pagination&) = default;
};

struct Page {
  std::vector<event::Event> events;  // in the order of their list
  Pagination pagination;
};

// The body of the answer, in the order of the wire contract, in pieces of some 256 KiB. Each event's memory
// goes as it is written, so that a large page is not held twice.
std::vector<std::string> to_json(Page page);

}  // namespace storagepool::reading
