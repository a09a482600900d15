// How a page comes together from the windows of a list (windows.h), without I/O: which statement is asked
// next, and what its answer adds. Slices are snapshots of their own. Since an event never changes its time,
// nothing is shown twice; what is stored meanwhile above the place that the walk has reached is not shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pool/postgres/connection.h"
#include "pool/reading/page.h"
#include "pool/reading/query.h"
#include "pool/reading/statements.h"
#include "pool/reading/windows.h"
#include "pool/tables/store_error.h"

namespace storagepool::reading {

inline constexpr std::int64_t kMaxPageBytes =
    std::int64_t{32} * 1024 * 1024;  // of event_data and error_message

class Walk {
 public:
  Walk(ListQuery query, const std::optional<Months>& months, runtime::Timestamp now);

  // No value when the page is whole.
  std::optional<Statement> next() const;
  // What the page holds more than kUsualPageBytes or was allowed; nothing of it is fetched before allow().
  std::int64_t wanted() const { return wanted_; }
  void allow() { allowed_ += std::exchange(wanted_, 0); }
  // The answer to what `next` gave.
  std::optional<tables::StoreError> take(postgres::Rows answer);
  Page finish();

 private:
  bool counts() const;
  std::int64_t count_to() const;  // in the window
  std::int64_t room() const { return query_.limit - static_cast<std::int64_t>(page_.events.size()); }
  bool selects_small() const;
  std::optional<tables::StoreError> take_slice(postgres::Rows answer);
  std::optional<tables::StoreError> take_small(const postgres::Rows& answer);
  std::optional<tables::StoreError> show(const std::vector<postgres::Rows::Value>& row);
  void end_slice(std::int64_t found, std::int64_t shown, std::int64_t bytes);
  void take_count(std::int64_t matches);

  ListQuery query_;
  runtime::Timestamp now_;
  std::vector<Window> windows_;
  std::size_t window_ = 0;             // that is read next
  bool has_large_ = false;             // events that are not small
  std::optional<std::int64_t> found_;  // of its slice, when it is to be counted now
  std::int64_t skip_;
  std::int64_t bytes_ = kMaxPageBytes;  // that the page may still hold
  std::int64_t allowed_ = kUsualPageBytes;
  std::int64_t wanted_ = 0;
  std::int64_t total_ = 0;  // of what was counted so far
  Page page_;
};

}  // namespace storagepool::reading
