#include "pool/tables/row.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "pool/event/fields.h"
#include "pool/postgres/columns.h"
#include "pool/tables/read_fields.h"

namespace storagepool::tables {
namespace {

// How a field is selected.
template <typename Kind>
std::string selected(const std::string& column, const Kind&) {
  return column;
}
std::string selected(const std::string& column, event::kind::Time) {
  return utc_text(column);
}
std::string selected(const std::string& column, event::kind::Date) {
  return "to_char(" + column + ", 'YYYY-MM-DD')";
}
std::string selected(const std::string& column, event::kind::Address) {
  return "host(" + column + ")";
}
std::string selected(const std::string& column, event::kind::Boolean) {
  return column + "::int";
}
std::string selected(const std::string& column, event::kind::Unsent) {
  return column + "::int";
}

struct Parse {
  using Type = std::string_view;
  bool operator()(Type, postgres::Column& text, std::string& member) const {
    member = *std::move(text);
    return true;
  }
  bool operator()(Type, const postgres::Column& text, std::int64_t& member) const {
    return postgres::read_number(text, member);
  }
  bool operator()(Type, const postgres::Column& text, bool& member) const {
    std::int64_t value = 0;
    const bool good = postgres::read_number(text, value);
    member = value != 0;
    return good;
  }
  bool operator()(Type, const postgres::Column& text, runtime::Timestamp& member) const {
    return take(runtime::parse_timestamp(*text), member);
  }
  bool operator()(Type, const postgres::Column& text, runtime::Date& member) const {
    return take(runtime::parse_date(*text), member);
  }
};

}  // namespace

const std::string kEventColumns = event::comma_list([](const auto& field) {
  return field.column.empty() ? std::string() : selected(std::string(field.name), field.kind);
});

std::optional<event::Event> read_event(std::vector<std::optional<std::string>> columns, std::size_t first) {
  return read_fields(columns, first, Parse{});
}

}  // namespace storagepool::tables
