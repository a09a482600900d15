#include "pool/http/request_reader.h"

#include <algorithm>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "pool/http/fields.h"
#include "pool/http/framing.h"
#include "pool/http/problem.h"
#include "pool/http/request_id.h"
#include "pool/http/target.h"

namespace asio = boost::asio;
namespace beast = boost::beast::http;
using boost::system::error_code;

namespace storagepool::http {
namespace {

using Parser = beast::request_parser<beast::buffer_body>;

constexpr std::size_t kBufferBytes = std::size_t{8} * 1024;  // what an idle connection may keep
constexpr std::size_t kFirstBytes = 512;
constexpr std::size_t kLargestBodyStep = std::size_t{256} * 1024;

std::string to_string(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::vector<std::pair<std::string, std::string>> copy_headers(const Parser& parser) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& field : parser.get()) {
    headers.emplace_back(to_string(field.name_string()), to_string(field.value()));
  }
  return headers;
}

Rejected reject(Request request, ProblemKind kind, std::string_view detail) {
  Response answer = problem(kind, detail, request.path);
  return Rejected{std::move(answer), std::move(request)};
}

std::string in_milliseconds(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + " ms";
}

// A well-formed "HTTP/x.y", which the parser does not tell from a malformed one.
bool ends_in_version(std::string_view request_line) {
  constexpr std::string_view kPrefix = " HTTP/";
  constexpr std::size_t kSize = kPrefix.size() + 3;
  if (request_line.size() < kSize) return false;
  const std::string_view end = request_line.substr(request_line.size() - kSize);
  return end.starts_with(kPrefix) && is_digit(end[6]) && end[7] == '.' && is_digit(end[8]);
}

// Everything after which the client cannot be told, or is not there to be told.
Rejected gone(Request request) {
  return Rejected{std::nullopt, std::move(request)};
}

}  // namespace

// One request on its way in.
class RequestReader::Parse {
 public:
  explicit Parse(RequestReader& reader) : reader_(reader), limits_(reader.context_->limits) {
    parser_.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser_.body_limit(limits_.body_bytes);
  }

  asio::awaitable<tl::expected<void, Rejected>> read_header() {
    reader_.socket_->set_deadline(limits_.header_timeout);
    error_code error;
    const std::size_t size =
        co_await beast::async_read_header(reader_.socket_->socket(), reader_.buffer_, parser_,
                                          asio::redirect_error(asio::use_awaitable, error));
    // The parser's own limit holds for the request line and the fields each, and so only bounds the memory.
    if (!error && size > limits_.header_bytes) error = beast::error::header_limit;
    request_.method = to_string(parser_.get().method_string());
    request_.headers = copy_headers(parser_);
    request_.request_id = request_id(request_.header("X-Request-Id"));
    auto target = parse_target(to_string(parser_.get().target()));
    if (target) {
      request_.path = std::move(target->path);
      request_.query = std::move(target->query);
    }
    if (error) co_return tl::unexpected(explain(error, "header", limits_.header_timeout));
    if (auto fault = check_framing(parser_.get().version() == 11, request_.headers)) {
      co_return tl::unexpected(reject(std::move(request_), fault->kind, fault->detail));
    }
    if (!target) {
      co_return tl::unexpected(reject(std::move(request_), ProblemKind::kValidationError, target.error()));
    }
    co_return tl::expected<void, Rejected>();
  }

  asio::awaitable<tl::expected<void, Rejected>> read_body(BodyReservation& reservation) {
    reader_.socket_->set_deadline(limits_.body_timeout);
    // Digits only and within the limit, or the header would have been rejected.
    if (const auto length = request_.header("Content-Length")) announced_ = std::stoull(std::string(*length));
    error_code error;
    if (wants_continue()) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(reader_.socket_->socket(), asio::buffer(kContinue),
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return tl::unexpected(gone(std::move(request_)));
    }
    while (!parser_.is_done()) {
      const std::size_t have = request_.body.size();
      const std::size_t step = next_step(have);
      if (!reservation.grow(step)) co_return tl::unexpected(too_much_buffered());
      request_.body.resize(have + step);
      auto& window = parser_.get().body();
      window.data = request_.body.data() + have;
      window.size = step;
      co_await beast::async_read(reader_.socket_->socket(), reader_.buffer_, parser_,
                                 asio::redirect_error(asio::use_awaitable, error));
      request_.body.resize(have + step - window.size);
      if (error && error != beast::error::need_buffer) {
        co_return tl::unexpected(explain(error, "body", limits_.body_timeout));
      }
    }
    co_return tl::expected<void, Rejected>();
  }

  bool keep_alive() const { return parser_.keep_alive(); }
  Request take_request() { return std::move(request_); }

 private:
  bool wants_continue() const {
    const auto expect = request_.header("Expect");
    return expect && equals_ignoring_case(*expect, "100-continue") && parser_.get().version() == 11 &&
           !parser_.is_done() && reader_.buffer_.size() == 0;
  }

  // Memory grows with what has arrived, not with what was announced.
  std::size_t next_step(std::size_t have) const {
    const std::size_t step = std::clamp(have, kBufferBytes, kLargestBodyStep);
    return announced_ ? std::clamp<std::size_t>(*announced_ - have, 1, step) : step;
  }

  Rejected too_much_buffered() {
    Rejected rejected =
        reject(std::move(request_), ProblemKind::kUnavailable, "too many large requests at once, try again");
    if (rejected.answer) rejected.answer->headers.emplace_back("Retry-After", "1");
    return rejected;
  }

  // What the parser stumbled over is still in the buffer.
  std::string_view first_line() const {
    const auto data = reader_.buffer_.cdata();
    const std::string_view text(static_cast<const char*>(data.data()), data.size());
    const std::size_t end = text.find("\r\n");
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
  }

  Rejected explain(const error_code& error, std::string_view part, std::chrono::milliseconds timeout) {
    const std::string subject = "the request " + std::string(part);
    if (error == asio::error::operation_aborted && reader_.socket_->expired()) {
      return reject(std::move(request_), ProblemKind::kRequestTimeout,
                    subject + " was not complete within " + in_milliseconds(timeout));
    }
    if (error == beast::error::body_limit) {
      return reject(std::move(request_), ProblemKind::kRequestTooLarge,
                    "the request body is larger than " + std::to_string(limits_.body_bytes) + " bytes");
    }
    if (error == beast::error::header_limit ||
        (error == beast::error::buffer_overflow && !parser_.is_header_done())) {
      return reject(std::move(request_), ProblemKind::kHeaderTooLarge,
                    "the request header is larger than " + std::to_string(limits_.header_bytes) + " bytes");
    }
    if (error == beast::error::bad_version && ends_in_version(first_line())) {
      return reject(std::move(request_), ProblemKind::kHttpVersionNotSupported,
                    "only HTTP/1.0 and HTTP/1.1 are supported");
    }
    if (error == beast::error::partial_message) {
      return reject(std::move(request_), ProblemKind::kValidationError, subject + " ended early");
    }
    if (error.category() == beast::make_error_code(beast::error::bad_value).category() &&
        error != beast::error::end_of_stream) {
      return reject(std::move(request_), ProblemKind::kValidationError,
                    subject + " is malformed: " + error.message());
    }
    return gone(std::move(request_));
  }

  RequestReader& reader_;
  const Limits& limits_;
  Parser parser_;
  Request request_;
  std::optional<std::size_t> announced_;  // Content-Length
};

RequestReader::RequestReader(std::shared_ptr<TimedSocket> socket, std::shared_ptr<Context> context)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      // One byte more than a header may have, so that it is the parser's limit that is met first.
      buffer_(std::max(context_->limits.header_bytes + 1, kBufferBytes)) {}

asio::awaitable<bool> RequestReader::wait(std::chrono::milliseconds timeout) {
  if (buffer_.capacity() > kBufferBytes) buffer_.shrink_to_fit();
  socket_->set_deadline(timeout);
  error_code error;
  const std::size_t got = co_await socket_->socket().async_read_some(
      buffer_.prepare(kFirstBytes), asio::redirect_error(asio::use_awaitable, error));
  buffer_.commit(got);
  co_return !error;
}

asio::awaitable<tl::expected<Incoming, Rejected>> RequestReader::read() {
  Parse parse(*this);
  const auto header = co_await parse.read_header();
  if (!header) co_return tl::unexpected(header.error());
  BodyReservation reservation(context_);
  const auto body = co_await parse.read_body(reservation);
  if (!body) co_return tl::unexpected(body.error());
  socket_->clear_deadline();
  const bool keep_alive = parse.keep_alive();
  co_return Incoming{parse.take_request(), keep_alive, std::move(reservation)};
}

}  // namespace storagepool::http
