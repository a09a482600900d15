// The HTTP requests of the load: each is one text that is made once per client and then only gets the time of
// now and fresh correlation ids written into it, so that making it costs next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace storagepool::load {

enum class Kind { kPost, kBatch, kList };

struct RequestOptions {
  Kind kind = Kind::kPost;
  unsigned events = 1;  // of a batch
  std::string prefix;   // correlation ids are <prefix>-<ten digits>
  // The numbers of correlation ids start anew after so many of them; 0: never.
  std::uint64_t correlations = 0;
  std::string token{};  // sent as a bearer token; empty: none
};

class Requests {
 public:
  explicit Requests(const RequestOptions& options);

  const std::string& text() const { return text_; }
  unsigned expected_status() const { return kind_ == Kind::kList ? 200 : 201; }
  // Makes a copy of `text()` the next request. `now`: microseconds since 1970.
  void renew(std::string& request, std::int64_t now);

 private:
  void add_event(const std::string& prefix);
  std::string_view time_text(std::int64_t now);

  Kind kind_;
  std::uint64_t correlations_;
  std::uint64_t next_ = 0;
  std::string text_;
  std::vector<std::size_t> times_;    // where in the text a time begins
  std::vector<std::size_t> numbers_;  // and the number of a correlation id
  std::int64_t second_ = -1;          // what `time_` shows
  std::string time_ = "1970-01-01T00:00:00.000000Z";
};

}  // namespace storagepool::load
