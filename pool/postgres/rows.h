// What a statement answered, where libpq has put it, with values in the binary format of their types: for
// answers of many values, each of which is read where it lies.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "pool/common/runtime/timestamp.h"

struct pg_result;  // libpq's

namespace storagepool::postgres {

// Where PostgreSQL counts time from.
inline constexpr runtime::Timestamp kEpoch{std::chrono::seconds{946'684'800}};

class Rows {
 public:
  using Value = std::optional<std::string_view>;  // bytes that are there as long as the rows; NULL: no value

  std::size_t size() const;
  // No value, too, where there is no such row or column.
  Value at(std::size_t row, std::size_t column) const;
  // The values of a row from that column on.
  std::vector<Value> from(std::size_t row, std::size_t first) const;

  // Takes over all rows there are, or one more row.
  void add(pg_result* taken);
  // That row is not needed any more. Frees it if the rows were added one by one.
  void drop(std::size_t row);

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  using Part = std::unique_ptr<pg_result, Clear>;
  const pg_result* part_of(std::size_t row) const;

  std::vector<Part> parts_;  // one with all rows, or one for each
};

// A smallint, an integer or a bigint; no value for other bytes.
std::optional<std::int64_t> read_integer(std::string_view bytes);

}  // namespace storagepool::postgres
