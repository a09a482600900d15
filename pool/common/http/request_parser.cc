#include "pool/common/http/request_parser.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#include "pool/common/http/message/fields.h"
#include "pool/common/http/message/framing.h"
#include "pool/common/http/message/request_id.h"
#include "pool/common/http/message/target.h"

namespace asio = boost::asio;
namespace beast = boost::beast::http;
using boost::beast::flat_buffer;
using boost::system::error_code;

namespace storagepool::http {
namespace {

constexpr std::size_t kLeastInput = std::size_t{8} * 1024;
constexpr std::size_t kFirstBodyStep = std::size_t{8} * 1024;
constexpr std::size_t kLargestBodyStep = std::size_t{256} * 1024;  // of a body of known length
constexpr std::size_t kUsualFields = 12;
// What comes from a chunk's beginning on, at least: "0", CRLF, CRLF (RFC 9112 §7.1). Beast asserts that it
// has as much when it looks at the last chunk a second time.
constexpr std::size_t kLastChunk = 5;
// A chunk of one byte takes six as it is sent; what takes far more is sent to make work.
constexpr std::size_t kMaxChunkOverhead = 16;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const flat_buffer& input) {
  const auto data = input.cdata();
  return {static_cast<const char*>(data.data()), data.size()};
}

std::string in_milliseconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + " ms";
}

// A well-formed "HTTP/x.y", which Beast's parser does not tell from a malformed one.
bool ends_in_version(std::string_view request_line) {
  constexpr std::string_view kPrefix = " HTTP/";
  constexpr std::size_t kSize = kPrefix.size() + 3;
  if (request_line.size() < kSize) return false;
  const std::string_view end = request_line.substr(request_line.size() - kSize);
  return end.starts_with(kPrefix) && is_digit(end[6]) && end[7] == '.' && is_digit(end[8]);
}

std::string_view first_line(std::string_view text) {
  const std::size_t end = text.find("\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

}  // namespace

struct RequestParser::Parser : beast::request_parser<beast::buffer_body> {};

RequestParser::RequestParser(const Limits& limits) : limits_(limits), parser_(std::make_unique<Parser>()) {
  parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser_->body_limit(limits_.body_bytes);
}

RequestParser::~RequestParser() = default;

std::size_t RequestParser::input_bytes(const Limits& limits) {
  // One byte more than a header may have, so that a header is seen to have it.
  return std::max(limits.header_bytes + 1, kLeastInput);
}

tl::expected<bool, Rejected> RequestParser::take_header(flat_buffer& input) {
  const std::string_view given = view(input);
  error_code error;
  const std::size_t taken = parser_->put(input.cdata(), error);
  header_size_ += taken;
  const bool folded = has_line_folding(given.substr(0, taken));
  const bool more = error == beast::error::need_more;
  const bool too_large = header_size_ + (more ? given.size() - taken : 0) > limits_.header_bytes;
  if (more && !too_large && !folded) {
    input.consume(taken);
    return false;
  }

  const auto target_fault = understand();
  if (too_large) return tl::unexpected(header_too_large());
  if (folded) {
    return tl::unexpected(reject(ProblemKind::kValidationError, "a header field is folded over lines"));
  }
  if (error) return tl::unexpected(explain(error, given));
  input.consume(taken);
  header_done_ = true;
  if (auto fault = check_framing(parser_->get().version() == 11, request_.headers)) {
    return tl::unexpected(reject(fault->kind, fault->detail));
  }
  if (target_fault) return tl::unexpected(reject(ProblemKind::kValidationError, *target_fault));
  if (const auto length = parser_->content_length()) announced_ = static_cast<std::size_t>(*length);
  return true;
}

// Makes what there is of the header the request's, and says what is wrong with its target.
std::optional<std::string> RequestParser::understand() {
  request_.method = view(parser_->get().method_string());
  request_.headers.reserve(kUsualFields);
  for (const auto& field : parser_->get()) {
    request_.headers.emplace_back(view(field.name_string()), view(field.value()));
  }
  request_.request_id = request_id(request_.header("X-Request-Id"));
  auto target = parse_target(view(parser_->get().target()));
  if (!target) return std::move(target.error());
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  request_.takes_chunks = parser_->get().version() == 11;
  return std::nullopt;
}

bool RequestParser::done() const {
  return announced_ ? body_size_ == *announced_ : parser_->is_done();
}

bool RequestParser::keep_alive() const {
  return parser_->keep_alive();
}

bool RequestParser::expects_continue() const {
  const auto expect = request_.header("Expect");
  return expect && equals_ignoring_case(*expect, "100-continue") && parser_->get().version() == 11 && !done();
}

// Memory grows with what has arrived, not with what was announced: of a body of known length the place is
// reserved at once, which costs nothing until it is written to, and so nothing is ever copied.
bool RequestParser::grow(Reservation& reservation) {
  std::string& body = request_.body;
  std::size_t step = std::max(body_size_, kFirstBodyStep);
  if (announced_) {
    step = std::min({step, kLargestBodyStep, *announced_ - body_size_});
    body.reserve(*announced_);
  }
  if (!reservation.grow(step)) return false;
  body.resize(body_size_ + step);
  return true;
}

tl::expected<bool, Rejected> RequestParser::take_body(flat_buffer& input, Reservation& reservation) {
  if (!announced_) return take_chunks(input, reservation);
  while (!done()) {
    if (body_size_ == request_.body.size() && !grow(reservation)) return tl::unexpected(too_much_memory());
    if (input.size() == 0) return false;
    const std::size_t bytes = std::min(input.size(), request_.body.size() - body_size_);
    std::memcpy(request_.body.data() + body_size_, view(input).data(), bytes);
    body_size_ += bytes;
    input.consume(bytes);
  }
  return true;
}

asio::mutable_buffer RequestParser::room() {
  if (!announced_) return {};
  return asio::buffer(request_.body.data() + body_size_, request_.body.size() - body_size_);
}

tl::expected<bool, Rejected> RequestParser::take_chunks(flat_buffer& input, Reservation& reservation) {
  while (!parser_->is_done()) {
    if (input.size() == 0 || (at_chunk_ && input.size() < kLastChunk)) return false;
    if (body_size_ == request_.body.size() && !grow(reservation)) return tl::unexpected(too_much_memory());
    auto& window = parser_->get().body();
    window.data = request_.body.data() + body_size_;
    window.size = request_.body.size() - body_size_;
    error_code error;
    const std::size_t taken = parser_->put(input.cdata(), error);
    input.consume(taken);
    body_size_ = request_.body.size() - window.size;
    chunked_size_ += taken;
    if (chunked_size_ > input_bytes(limits_) + kMaxChunkOverhead * body_size_) {
      return tl::unexpected(
          reject(ProblemKind::kValidationError, "the request body is malformed: far more chunks than data"));
    }
    at_chunk_ = error == beast::error::need_more;
    if (at_chunk_) {
      if (input.size() < input.max_size()) return false;
      return tl::unexpected(
          reject(ProblemKind::kValidationError,
                 "the request body is malformed: a chunk's header or the trailer is too long"));
    }
    if (error && error != beast::error::need_buffer) return tl::unexpected(explain(error, {}));
  }
  request_.body.resize(body_size_);
  return true;
}

Rejected RequestParser::refuse(flat_buffer& input, Response answer) {
  const std::size_t rest = announced_.value_or(0) - body_size_;
  const bool whole = parser_->is_done() || (announced_ && input.size() >= rest);
  if (whole) input.consume(rest);
  return {std::move(answer), give_up(), whole && keep_alive()};
}

Rejected RequestParser::refuse_rate(flat_buffer& input, std::chrono::nanoseconds retry_after) {
  const auto seconds =
      std::max(std::chrono::ceil<std::chrono::seconds>(retry_after), std::chrono::seconds(1));
  Response answer =
      problem(ProblemKind::kTooManyRequests,
              "too many requests from this address, try again in " + std::to_string(seconds.count()) + " s",
              request_.path);
  answer.headers.emplace_back("Retry-After", std::to_string(seconds.count()));
  return refuse(input, std::move(answer));
}

std::string_view RequestParser::part() const {
  return header_done_ ? "body" : "header";
}

// The memory of what came of its body is given back while the answer is on its way.
Request RequestParser::give_up() {
  std::string().swap(request_.body);  // an assignment would keep it
  return std::move(request_);
}

Rejected RequestParser::reject(ProblemKind kind, std::string_view detail,
                               std::optional<std::chrono::seconds> retry_after) {
  Response answer = problem(kind, detail, request_.path);
  if (retry_after) answer.headers.emplace_back("Retry-After", std::to_string(retry_after->count()));
  return Rejected{std::move(answer), give_up()};
}

Rejected RequestParser::header_too_large() {
  return reject(ProblemKind::kHeaderTooLarge,
                "the request header is larger than " + std::to_string(limits_.header_bytes) + " bytes");
}

Rejected RequestParser::too_much_memory() {
  if (!header_done_) understand();
  return reject(ProblemKind::kUnavailable, "too many large requests at once, try again",
                std::chrono::seconds{1});
}

Rejected RequestParser::gone() {
  if (!header_done_) understand();
  return {std::nullopt, give_up(), false};
}

Rejected RequestParser::ended() {
  if (!header_done_) understand();
  return reject(ProblemKind::kValidationError, "the request " + std::string(part()) + " ended early");
}

Rejected RequestParser::timed_out() {
  if (!header_done_) understand();
  if (header_done_) {
    return reject(ProblemKind::kRequestTimeout,
                  "the request body came too slowly: nothing for " + in_milliseconds(limits_.pace.silence) +
                      ", or less than " + std::to_string(limits_.pace.bytes_per_second) + " bytes a second");
  }
  return reject(ProblemKind::kRequestTimeout,
                "the request header was not complete within " + in_milliseconds(limits_.header_timeout));
}

Rejected RequestParser::explain(const error_code& error, std::string_view unread) {
  if (error == beast::error::body_limit) {
    return reject(ProblemKind::kRequestTooLarge,
                  "the request body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
  }
  if (error == beast::error::header_limit) return header_too_large();
  if (error == beast::error::bad_version && ends_in_version(first_line(unread))) {
    return reject(ProblemKind::kHttpVersionNotSupported, "only HTTP/1.0 and HTTP/1.1 are supported");
  }
  return reject(ProblemKind::kValidationError,
                "the request " + std::string(part()) + " is malformed: " + error.message());
}

}  // namespace storagepool::http
