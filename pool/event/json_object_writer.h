// Writes a JSON object (RFC 8259), member after member, into a string. Names are written as they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace storagepool::event {

class JsonObjectWriter {
 public:
  void raw(std::string_view name, std::string_view json) {
    begin(name, json.size());
    put(json);
  }
  // `value` is UTF-8.
  void text(std::string_view name, std::string_view value);
  void integer(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }

  // The object; valid until the next call. REQUIRES: at least one member was written.
  std::string_view close() {
    make_room(1);
    put("}");
    return std::string_view(out_).substr(0, size_);
  }
  std::string take() {
    close();
    out_.resize(size_);
    return std::move(out_);
  }
  // Begins another object.
  void clear() { size_ = 0; }

 private:
  // A member's name, and room for so many bytes behind it.
  void begin(std::string_view name, std::size_t bytes) {
    make_room(name.size() + bytes + 4);
    put(size_ == 0 ? "{\"" : ",\"");
    put(name);
    put("\":");
  }
  void make_room(std::size_t bytes) {
    constexpr std::size_t kLeast = 1024;  // most events
    if (out_.size() - size_ < bytes) out_.resize(std::max(kLeast, size_ + bytes + size_ / 4));
  }
  // REQUIRES: there is room.
  void put(std::string_view text) {
    text.copy(out_.data() + size_, text.size());
    size_ += text.size();
  }

  std::string out_;  // of which `size_` bytes are written and the rest is room
  std::size_t size_ = 0;
};

}  // namespace storagepool::event
