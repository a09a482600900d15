// Reads one HTTP/1.1 response after another from a connection: as much of RFC 9112 as the measured services
// speak (Content-Length, no chunks, nothing sent ahead).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace storagepool::load {

class ResponseReader {
 public:
  enum class State { kMore, kDone, kBroken };

  // Takes what came from the socket. After kDone, and only then, `next()` makes it ready for the next
  // response.
  State feed(std::string_view data);
  void next();

  unsigned status() const { return status_; }
  bool closes() const { return closes_; }                      // the service asks to use another connection
  const std::string& beginning() const { return beginning_; }  // of the body, for messages
  // The events are in a journal, by the body's words: a batch's status does not tell.
  bool queued() const;
  const std::string& reason() const { return reason_; }  // after kBroken

 private:
  State broken(std::string reason);
  bool read_head(std::string_view head);

  std::string head_;
  bool in_body_ = false;
  std::size_t body_left_ = 0;
  unsigned status_ = 0;
  bool closes_ = false;
  std::string beginning_;
  std::string end_;  // the last bytes of the body
  std::string reason_;
};

}  // namespace storagepool::load
