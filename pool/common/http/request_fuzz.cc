// The request path: bytes of a connection to requests. However they are cut into pieces the same requests
// come out; each is within the limits, cannot split an answer, and written plainly reads back the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "pool/common/fuzzing/require.h"
#include "pool/common/http/message/fields.h"
#include "pool/common/http/message/response_head.h"
#include "pool/common/http/request_parser.h"

namespace storagepool::http {
namespace {

using fuzzing::require;
using Step = std::function<std::size_t()>;  // how many bytes arrive at once, at least 1

constexpr std::size_t kMaxRequests = 100;

Limits small_limits() {
  Limits limits;
  limits.header_bytes = 512;
  limits.body_bytes = 2048;
  return limits;
}

Limits large_limits() {
  Limits limits;
  limits.header_bytes = std::size_t{1} << 20;
  return limits;
}

// As RequestReader does it, without the waiting.
class Conversation {
 public:
  Conversation(const Limits& limits, std::string_view bytes, Step step)
      : context_(std::make_shared<Context>(limits, Handler(), Gate())),
        member_(context_, boost::asio::ip::address()),
        input_(RequestParser::input_bytes(limits)),
        bytes_(bytes),
        step_(std::move(step)) {}

  // All requests up to the first rejection, or the end.
  std::vector<Request> run() {
    std::vector<Request> requests;
    while (requests.size() < kMaxRequests && (input_.size() > 0 || !bytes_.empty())) {
      RequestParser parser(context_->limits);
      if (input_.size() == 0) receive(parser);
      auto taken = parser.take_header(input_);
      while (taken && !*taken && receive(parser)) taken = parser.take_header(input_);
      if (!finished(taken, parser)) break;
      Reservation reservation = begin_reservation(context_, member_);
      taken = parser.take_body(input_, reservation);
      while (taken && !*taken && receive(parser)) taken = parser.take_body(input_, reservation);
      if (!finished(taken, parser)) break;
      const bool keep_alive = parser.keep_alive();
      requests.push_back(parser.take_request());
      require(context_->memory.held() >= requests.back().body.size(), "a body's memory is accounted for");
      if (!keep_alive) break;
    }
    require(context_->memory.held() == 0, "all memory is given back");
    return requests;
  }

 private:
  bool receive(RequestParser& parser) {
    if (bytes_.empty()) return false;
    const boost::asio::mutable_buffer room = parser.room();
    const std::size_t space = room.size() > 0 ? room.size() : input_.max_size() - input_.size();
    require(space > 0, "a parser that wants more has room for it");
    const std::size_t size = std::min({step_(), space, bytes_.size()});
    const auto arrived = boost::asio::buffer(bytes_.data(), size);
    if (room.size() > 0) {
      require(input_.size() == 0, "what arrived first is taken first");
      parser.filled(boost::asio::buffer_copy(room, arrived));
    } else {
      input_.commit(boost::asio::buffer_copy(input_.prepare(size), arrived));
    }
    bytes_.remove_prefix(size);
    return true;
  }

  bool finished(const tl::expected<bool, Rejected>& taken, RequestParser& parser) const {
    if (taken && *taken) return true;
    const Rejected rejected = taken ? parser.ended() : taken.error();
    require(rejected.answer && rejected.answer->status >= 400 && sendable(*rejected.answer),
            "a rejection has an answer that can be sent");
    require(!rejected.request.request_id.empty(), "a rejection has a request id");
    require(rejected.request.body.capacity() == std::string().capacity(), "a rejection holds no body");
    return false;
  }

  std::shared_ptr<Context> context_;
  Member member_;
  boost::beast::flat_buffer input_;
  std::string_view bytes_;
  Step step_;
};

void check(const Request& request, const Limits& limits) {
  require(!request.method.empty(), "a request has a method");
  require(request.path.starts_with('/') || request.path == "*", "a path starts with a slash");
  require(request.path.find('\0') == std::string::npos, "a path has no NUL");
  require(request.body.size() <= limits.body_bytes, "a body is within its limit");
  std::size_t header = 0;
  for (const auto& [name, value] : request.headers) {
    header += name.size() + value.size();
    Response echoed;
    echoed.headers.emplace_back(name, value);
    require(sendable(echoed), "a field could be sent back");
  }
  require(header <= limits.header_bytes, "the fields are within their limit");
  const std::string head = format_head({}, request.request_id, std::nullopt, {});
  require(std::count(head.begin(), head.end(), '\n') == 7, "a request id adds no line to the answer");
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_alphanumeric(c) || c == '/') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    }
  }
  return out;
}

bool is_framing(const std::string& name) {
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Transfer-Encoding");
}

std::string plainly(const Request& request) {
  std::string text = request.method + " " + (request.path == "*" ? "*" : escaped(request.path));
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    text += std::exchange(separator, '&') + escaped(name) + "=" + escaped(value);
  }
  text += " HTTP/1.1\r\n";
  if (!request.header("Host")) text += "Host: h\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!is_framing(name)) text.append(name).append(": ").append(value).append("\r\n");
  }
  return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

bool same(const Request& a, const Request& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && a.headers == b.headers &&
         a.body == b.body;
}

}  // namespace
}  // namespace storagepool::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Limits limits = small_limits();
  const auto requests = Conversation(limits, bytes, [] { return static_cast<std::size_t>(-1); }).run();

  std::minstd_rand random(static_cast<std::uint32_t>(std::hash<std::string_view>()(bytes)));
  const auto in_pieces = Conversation(limits, bytes, [&] { return 1 + random() % 40; }).run();
  const auto in_bytes = Conversation(limits, bytes, [] { return std::size_t{1}; }).run();
  for (const auto& cut : {in_pieces, in_bytes}) {
    require(std::equal(requests.begin(), requests.end(), cut.begin(), cut.end(), same),
            "the same requests come out however the bytes are cut");
  }

  for (const Request& request : requests) {
    check(request, limits);
    const std::string text = plainly(request);
    const auto again = Conversation(large_limits(), text, [] { return static_cast<std::size_t>(-1); }).run();
    require(again.size() == 1 && plainly(again.front()) == text,
            "a request written plainly reads back the same");
  }
  return 0;
}
