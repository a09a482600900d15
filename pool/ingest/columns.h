// The fields of a batch of events as PostgreSQL takes them: an array for each field in the binary format of
// arrays (`array_recv`), or one value where all events have the same, and the table that a statement makes of
// them. Private to the ingest.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/event/event.h"
#include "pool/event/uuid.h"
#include "pool/postgres/connection.h"

namespace storagepool::ingest {

// A type of elements; the OIDs are fixed in PostgreSQL's pg_type.dat.
struct Type {
  std::uint32_t oid;
  std::string_view name;
};
inline constexpr Type kBoolean{16, "boolean"};
inline constexpr Type kBytea{17, "bytea"};
inline constexpr Type kBigint{20, "bigint"};
inline constexpr Type kText{25, "text"};
inline constexpr Type kJson{114, "json"};
inline constexpr Type kDate{1082, "date"};
inline constexpr Type kTimestamptz{1184, "timestamptz"};
inline constexpr Type kUuid{2950, "uuid"};

inline constexpr std::size_t kUuidBytes = 16;

template <std::unsigned_integral T>
void put_big_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  for (std::size_t at = 0; at < bytes.size(); ++at)
    bytes[bytes.size() - 1 - at] = static_cast<char>(value >> 8 * at);
  out.append(bytes.data(), bytes.size());
}

// A one-dimensional array in PostgreSQL's binary format: number of dimensions, whether there are NULLs, the
// element type, the length and the lower bound, then each element as its length (-1: NULL) and bytes.
class Array {
 public:
  // The values take `bytes` altogether.
  Array(const Type& type, std::size_t elements, std::size_t bytes) {
    bytes_.reserve(kHeaderBytes + elements * 4 + bytes);
    put_int4(1);
    put_int4(1);
    put_int4(type.oid);
    put_int4(static_cast<std::uint32_t>(elements));
    put_int4(1);
  }

  void null() { put_int4(0xFFFF'FFFF); }
  void add(std::string_view value) {
    put_int4(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  void add(bool value) { add(value ? std::string_view("\x01", 1) : std::string_view("\x00", 1)); }
  void add(std::int64_t value) {
    put_int4(8);
    put_big_endian(bytes_, static_cast<std::uint64_t>(value));
  }
  void add(runtime::Timestamp value) { add(std::int64_t{(value - postgres::kEpoch).count()}); }
  void add(runtime::Date value) {
    put_int4(4);
    put_int4(static_cast<std::uint32_t>((value - runtime::date_of(postgres::kEpoch)).count()));
  }
  void add_uuid(std::string_view canonical) {
    const std::array<char, kUuidBytes> bytes =
        event::uuid_bytes(canonical).value_or(std::array<char, kUuidBytes>{});
    add(std::string_view(bytes.data(), bytes.size()));
  }

  postgres::Parameter take() { return postgres::Parameter::binary(std::move(bytes_)); }

 private:
  static constexpr std::size_t kHeaderBytes = 20;
  void put_int4(std::uint32_t value) { put_big_endian(bytes_, value); }
  std::string bytes_;
};

// A parameter of a statement, by its number.
std::string parameter(int number, std::string_view type);

inline constexpr int kIdParameter = 1;  // the array of ids
extern const int kFieldParameters;      // as many as `field_parameters` gives

// The array of each field, NULL where all events have the same value or none, and then these values.
// REQUIRES: there are events.
std::vector<postgres::Parameter> field_parameters(std::span<const event::Event* const> events);

// One event's value of each field that has a column, in `values()`.
extern const int kValueParameters;
std::vector<postgres::Parameter> value_parameters(const event::Event& event);
std::string values();

// What `field_parameters` gives, and then the arrays of `more` types and names, as a table. Arrays are
// unnested in the list of what is selected, beside each other: as functions in FROM each would fill a store
// of its own, which costs a commit of a few events a quarter of the server's work. One that is NULL is NULL
// in each row.
std::string given(std::initializer_list<std::pair<Type, std::string_view>> more = {});

}  // namespace storagepool::ingest
