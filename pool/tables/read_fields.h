// What reading a row of `audit_events` as text (row.h) and as bytes (stored_row.h) have in common.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "pool/event/event.h"
#include "pool/event/fields.h"

namespace storagepool::tables {

// False where there is none.
template <typename T>
bool take(std::optional<T> value, T& member) {
  if (value) member = *std::move(value);
  return value.has_value();
}

// The event of columns from `next` on. `parse` has the type of a column, what is in it, which is not NULL,
// and the member that it is for; false: it is none. No value when one is not, is missing or over.
template <typename Columns, typename Parse>
std::optional<event::Event> read_fields(Columns& columns, std::size_t next, const Parse& parse) {
  event::Event event;
  bool readable = true;
  event::for_each_field([&](const auto& field) {
    if (field.column.empty()) return;
    auto& member = event.*field.member;
    const bool there = next < columns.size() && columns[next];
    if constexpr (requires { member.emplace(); }) {
      if (there) readable = parse(field.column, columns[next], member.emplace()) && readable;
    } else {
      readable = there && parse(field.column, columns[next], member) && readable;
    }
    ++next;
  });
  if (!readable || next != columns.size()) return std::nullopt;
  return event;
}

}  // namespace storagepool::tables
