// Writes a JSON object (RFC 8259), member after member, into a string. Names are written as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace storagepool::event {

class JsonObjectWriter {
 public:
  JsonObjectWriter() = default;
  // Writes into the room of `buffer`, whose text is dropped.
  explicit JsonObjectWriter(std::string buffer) : out_(std::move(buffer)) { out_.clear(); }

  void raw(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
  }
  // `value` is UTF-8.
  void text(std::string_view name, std::string_view value);
  void integer(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }

  // REQUIRES: at least one member was written.
  std::string take() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  void begin(std::string_view name) {
    out_ += out_.empty() ? "{\"" : ",\"";
    out_ += name;
    out_ += "\":";
  }

  std::string out_;
};

}  // namespace storagepool::event
