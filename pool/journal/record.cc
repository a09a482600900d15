#include "pool/journal/record.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include "pool/event/fields.h"

namespace storagepool::journal {
namespace {

// Form 1 holds the first 25 members by their places in the record, and each later form one more: a member
// added to the table of fields makes a form of its own, and a record without it is still read.
constexpr std::size_t kMembersBeforeForms = 24;
constexpr std::uint8_t kForm = event::kFieldCount - kMembersBeforeForms;
constexpr std::size_t kChecksumBytes = 4;

template <std::unsigned_integral T>
void put(std::string& out, T value) {
  for (std::size_t byte = 0; byte < sizeof(T); ++byte) {
    out.push_back(static_cast<char>((value >> (8 * byte)) & 0xFFU));
  }
}

template <std::unsigned_integral T>
T get(std::string_view bytes) {
  T value = 0;
  for (std::size_t byte = 0; byte < sizeof(T); ++byte) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[byte])) << (8 * byte));
  }
  return value;
}

// CRC-32 as in zlib, eight bytes at a time ("slicing by 8"): byte by byte it was a quarter of what a batch
// costs. Table n is what a byte does n bytes further on.
constexpr std::size_t kSlices = 8;
constexpr auto kCrcTables = [] {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  std::array<std::array<std::uint32_t, 256>, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (std::size_t table = 1; table < kSlices; ++table) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[table - 1][byte];
      tables[table][byte] = before >> 8U ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}();

std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (; bytes.size() >= kSlices; bytes.remove_prefix(kSlices)) {
    const std::uint64_t block = get<std::uint64_t>(bytes) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      crc ^= kCrcTables[kSlices - 1 - i][block >> (8 * i) & 0xFFU];
    }
  }
  for (const char byte : bytes)
    crc = crc >> 8U ^ kCrcTables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xFFU];
  return ~crc;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  bool operator()(bool value) {
    out_.push_back(value ? 1 : 0);
    return true;
  }
  bool operator()(std::int64_t value) {
    put(out_, static_cast<std::uint64_t>(value));
    return true;
  }
  bool operator()(runtime::Timestamp time) { return (*this)(std::int64_t{time.time_since_epoch().count()}); }
  bool operator()(runtime::Date date) { return (*this)(std::int64_t{date.time_since_epoch().count()}); }
  bool operator()(const std::string& text) {
    put(out_, static_cast<std::uint32_t>(text.size()));
    out_ += text;
    return true;
  }
  template <typename T>
  bool operator()(const std::optional<T>& value) {
    (*this)(value.has_value());
    return !value || (*this)(*value);
  }

 private:
  std::string& out_;
};

// Every call is false when the record ends too early or holds what no writer writes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  template <std::unsigned_integral T>
  bool number(T& value) {
    if (rest_.size() < sizeof(T)) return false;
    value = get<T>(rest_);
    rest_.remove_prefix(sizeof(T));
    return true;
  }
  bool operator()(bool& value) {
    std::uint8_t byte = 0;
    if (!number(byte) || byte > 1) return false;
    value = byte == 1;
    return true;
  }
  bool operator()(std::int64_t& value) {
    std::uint64_t bits = 0;
    if (!number(bits)) return false;
    value = static_cast<std::int64_t>(bits);
    return true;
  }
  bool operator()(runtime::Timestamp& time) {
    std::int64_t count = 0;
    if (!(*this)(count)) return false;
    time = runtime::Timestamp(runtime::Timestamp::duration(count));
    return true;
  }
  bool operator()(runtime::Date& date) {
    std::int64_t count = 0;
    using Count = std::chrono::days::rep;
    if (!(*this)(count) || !std::in_range<Count>(count)) return false;
    date = runtime::Date(std::chrono::days(static_cast<Count>(count)));
    return true;
  }
  bool operator()(std::string& text) {
    std::uint32_t size = 0;
    if (!number(size) || rest_.size() < size) return false;
    text.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  template <typename T>
  bool operator()(std::optional<T>& value) {
    bool present = false;
    if (!(*this)(present)) return false;
    value.reset();
    return !present || (*this)(value.emplace());
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string encode_unit(std::span<const event::Event> unit) {
  std::string record;
  put(record, kForm);
  put(record, static_cast<std::uint32_t>(unit.size()));
  Writer writer(record);
  for (const event::Event& event : unit) {
    event::all_fields_by<&event::Places::recorded>(
        [&](const auto& field) { return writer(event.*field.member); });
  }
  put(record, checksum(record));
  return record;
}

std::uint32_t unit_checksum(std::string_view workspace, std::string_view incarnation,
                            runtime::Timestamp appended_at, std::string_view record) {
  std::string beside;
  Writer writer(beside);
  writer(std::string(workspace));
  writer(std::string(incarnation));
  writer(appended_at);
  beside += record.substr(record.size() - std::min(record.size(), kChecksumBytes));
  return checksum(beside);
}

tl::expected<std::vector<event::Event>, std::string> decode_unit(std::string_view record) {
  if (record.size() < kChecksumBytes) return tl::unexpected(std::string("the record is cut short"));
  const std::string_view body = record.substr(0, record.size() - kChecksumBytes);
  if (get<std::uint32_t>(record.substr(body.size())) != checksum(body)) {
    return tl::unexpected(std::string("the checksum of the record is wrong"));
  }
  Reader reader(body);
  std::uint8_t form = 0;
  std::uint32_t count = 0;
  if (!reader.number(form) || form == 0 || form > kForm) {
    return tl::unexpected("the record has form " + std::to_string(form) + ", this program reads form " +
                          std::to_string(kForm));
  }
  std::vector<event::Event> unit;
  bool whole = reader.number(count);
  const std::size_t members = kMembersBeforeForms + form;
  while (whole && unit.size() < count) {
    event::Event& event = unit.emplace_back();
    whole = event::all_fields_by<&event::Places::recorded>(
        [&](const auto& field) { return field.places.recorded > members || reader(event.*field.member); });
  }
  if (!whole || !reader.at_end()) {
    return tl::unexpected(std::string("the record does not hold the events it announces"));
  }
  return unit;
}

}  // namespace storagepool::journal
