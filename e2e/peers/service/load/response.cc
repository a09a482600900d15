#include "e2e/peers/service/load/response.h"

#include <algorithm>
#include <charconv>
#include <cctype>
#include <utility>

namespace storagepool::load {
namespace {

constexpr std::size_t kMaxHead = std::size_t{64} * 1024;
constexpr std::size_t kShown = 300;
constexpr std::size_t kEnd = 128;  // holds the message behind a batch's ids

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

void ResponseReader::next() {
  head_.clear();
  in_body_ = false;
  body_left_ = 0;
  status_ = 0;
  closes_ = false;
  beginning_.clear();
  end_.clear();
}

bool ResponseReader::queued() const {
  return end_.find(" queued ") != std::string::npos;
}

ResponseReader::State ResponseReader::broken(std::string reason) {
  reason_ = std::move(reason);
  return State::kBroken;
}

// "HTTP/1.1 201 Created\r\nName: value\r\n...", without the empty line.
bool ResponseReader::read_head(std::string_view head) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  constexpr std::size_t kStatusDigits = 3;
  if (!head.starts_with(kVersion) || !read_number(head.substr(kVersion.size(), kStatusDigits), status_)) {
    return false;
  }
  bool has_length = false;
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos;) {
    const std::size_t begin = line + 2;
    line = head.find("\r\n", begin);
    const std::string_view field = head.substr(begin, line == std::string_view::npos ? line : line - begin);
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = field.substr(0, colon);
    std::string_view value = field.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (equals_ignoring_case(name, "content-length")) has_length = read_number(value, body_left_);
    if (equals_ignoring_case(name, "connection")) closes_ = equals_ignoring_case(value, "close");
  }
  return has_length;
}

ResponseReader::State ResponseReader::feed(std::string_view data) {
  if (!in_body_) {
    const std::size_t before = head_.size();
    head_ += data;
    const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
      return head_.size() > kMaxHead ? broken("a head of more than 64 KiB") : State::kMore;
    }
    if (!read_head(std::string_view(head_).substr(0, end))) {
      return broken("no response with a Content-Length: " + head_.substr(0, kShown));
    }
    in_body_ = true;
    data.remove_prefix(end + 4 - before);
  }
  if (data.size() > body_left_) return broken("more than one response to one request");
  beginning_ += data.substr(0, kShown - std::min(kShown, beginning_.size()));
  end_ += data.substr(data.size() - std::min(data.size(), kEnd));
  end_.erase(0, end_.size() - std::min(end_.size(), kEnd));
  body_left_ -= data.size();
  return body_left_ == 0 ? State::kDone : State::kMore;
}

}  // namespace storagepool::load
