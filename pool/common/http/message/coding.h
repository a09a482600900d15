// Content codings (RFC 9110 §8.4): which one a message has or may have, and gzip and zstd step by step, so
// that the caller decides between steps about memory, size and time. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

enum class Coding { kIdentity, kGzip, kZstd };
std::string_view to_string(Coding coding);
// What requests may have, as `Accept-Encoding` of an answer says it (RFC 9110 §12.5.3).
inline constexpr std::string_view kDecoded = "gzip, zstd";

// Of the request's body, by Content-Encoding. None: one that is not decoded here, or several.
std::optional<Coding> request_coding(const Request& request);

// Whether the client would rather have gzip than a body as it is: an `Accept-Encoding` that gives gzip (or
// x-gzip, or, where it names neither, `*`) a weight above 0 and not below that of identity. What is malformed
// in it does not count.
bool prefers_gzip(const Request& request);

// One body, as sent. It may consist of several members (gzip, RFC 1952 §2.2) or frames (zstd, RFC 8878 §3).
class Decoder {
 public:
  explicit Decoder(Coding coding);  // not kIdentity
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  struct Step {
    std::size_t taken;  // of the input
    std::size_t made;   // of the room
  };
  // Decodes from the front of `input` until that or the room is used up; why it cannot otherwise, and then
  // nothing more is to be decoded.
  tl::expected<Step, std::string> decode(std::string_view input, char* out, std::size_t room);

  // All that was taken is whole members or frames.
  bool whole() const;
  // Memory of its own, in bytes.
  std::size_t memory() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// Makes one gzip member.
class GzipEncoder {
 public:
  GzipEncoder();
  ~GzipEncoder();
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;

  // Appends what `input` becomes to `out`, and all that is left of it when it is the `last`.
  void encode(std::string_view input, bool last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace storagepool::http
