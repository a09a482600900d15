#include "pool/tables/row.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "pool/event/fields.h"

namespace storagepool::tables {
namespace {

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

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

// Reads the columns of a row one after the other.
class Row {
 public:
  Row(std::vector<std::optional<std::string>> columns, std::size_t first)
      : columns_(std::move(columns)), next_(first) {}

  bool complete() const { return readable_ && next_ == columns_.size(); }

  template <typename T>
  void read(std::optional<T>& member) {
    if (auto text = next()) parse(std::move(*text), member.emplace());
  }
  template <typename T>
  void read(T& member) {
    if (auto text = next()) {
      parse(std::move(*text), member);
    } else {
      readable_ = false;
    }
  }

 private:
  std::optional<std::string> next() {
    if (next_ < columns_.size()) return std::move(columns_[next_++]);
    readable_ = false;
    return std::nullopt;
  }
  static void parse(std::string text, std::string& member) { member = std::move(text); }
  void parse(const std::string& text, std::int64_t& member) { take(to_integer(text), member); }
  void parse(const std::string& text, bool& member) {
    std::int64_t value = 0;
    take(to_integer(text), value);
    member = value != 0;
  }
  void parse(const std::string& text, runtime::Timestamp& member) {
    take(runtime::parse_timestamp(text), member);
  }
  void parse(const std::string& text, runtime::Date& member) { take(runtime::parse_date(text), member); }

  template <typename T>
  void take(const std::optional<T>& value, T& member) {
    if (!value) readable_ = false;
    member = value.value_or(T{});
  }

  std::vector<std::optional<std::string>> columns_;
  std::size_t next_;
  bool readable_ = true;
};

}  // namespace

const std::string kEventColumns = event::comma_list([](const auto& field) {
  return field.column.empty() ? std::string() : selected(std::string(field.name), field.kind);
});

std::optional<event::Event> read_event(std::vector<std::optional<std::string>> columns, std::size_t first) {
  Row row(std::move(columns), first);
  event::Event event;
  event::for_each_field([&](const auto& field) {
    if (!field.column.empty()) row.read(event.*field.member);
  });
  if (!row.complete()) return std::nullopt;
  return event;
}

}  // namespace storagepool::tables
