#include "operator/kube/transport/exchange.h"

#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "pool/common/runtime/clock.h"

namespace storagepool::kube {
namespace {

using web::http::http_response;
using web::http::client::http_client;

ApiError no_answer(std::string_view reason, std::string message) {
  return {.reason = std::string(reason), .message = std::move(message)};
}

ApiError describe(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const web::http::http_exception& error) {
    if (error.error_code() == std::errc::timed_out)
      return no_answer(kReasonTimeout, "the server fell silent");
    return no_answer(kReasonTransport, error.what());
  } catch (const std::exception& error) {
    return no_answer(kReasonTransport, error.what());
  } catch (...) {
    return no_answer(kReasonTransport, "unknown failure of the HTTP library");
  }
}

// Sends the request; what comes back goes into the pipe. Abandoned on destruction: the library's tasks then
// end by themselves, each kept alive by what it captures.
class Running {
 public:
  Running(http_client& client, const web::http::http_request& request, std::shared_ptr<BodyPipe> pipe)
      : pipe_(std::move(pipe)) {
    try {
      const auto buffer = std::make_shared<BodyPipeBuffer>(pipe_);
      const pplx::cancellation_token_source source;
      cancel_ = [source] { source.cancel(); };
      web::http::http_request message = request;  // a handle
      message.set_response_stream(Concurrency::streams::basic_ostream<std::uint8_t>(
          std::static_pointer_cast<Concurrency::streams::details::basic_streambuf<std::uint8_t>>(buffer)));
      client.request(message, source.get_token())
          .then([pipe = pipe_](http_response response) {
            ResponseHead head{.status = response.status_code()};
            if (const auto found = response.headers().find("Retry-After");
                found != response.headers().end()) {
              head.retry_after = found->second;
            }
            const auto coding = response.headers().find("Content-Encoding");
            head.gzip = coding != response.headers().end() && coding->second == "gzip";
            pipe->head(std::move(head));
            return response.content_ready();
          })
          .then([pipe = pipe_](const pplx::task<http_response>& whole) {
            try {
              whole.get();
              pipe->end(std::nullopt);
            } catch (...) {
              pipe->end(describe(std::current_exception()));
            }
          });
    } catch (...) {
      pipe_->end(describe(std::current_exception()));
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    // Cancelling what has ended would cost its connection.
    if (!pipe_->abandon() && cancel_) cancel_();
  }

  BodyPipe& pipe() { return *pipe_; }

 private:
  std::shared_ptr<BodyPipe> pipe_;
  std::function<void()> cancel_;
};

// Refusals of a stream are Status objects, not data.
constexpr std::size_t kMaxRefusalBytes = 1u << 20;

ApiError too_late() {
  return no_answer(kReasonTimeout, "no complete answer before the deadline");
}

ApiError stopped() {
  return no_answer(kReasonCancelled, "stopped");
}

// Collects the rest of a body.
tl::expected<void, ApiError> collect(BodyPipe& pipe, std::string& body, BodyPipe::TimePoint deadline,
                                     std::size_t max_body_bytes, const std::stop_token& stop) {
  std::string piece;
  for (;;) {
    switch (pipe.next(piece, deadline, stop)) {
      case BodyPipe::Event::kPiece:
        if (body.size() + piece.size() > max_body_bytes) {
          return tl::unexpected(no_answer(
              kReasonTooLarge, "the answer is larger than " + std::to_string(max_body_bytes) + " bytes"));
        }
        body.append(piece);
        break;
      case BodyPipe::Event::kEnd:
        if (auto error = pipe.error()) return tl::unexpected(*error);
        return {};
      case BodyPipe::Event::kDeadline:
        return tl::unexpected(too_late());
      case BodyPipe::Event::kStopped:
        return tl::unexpected(stopped());
    }
  }
}

bool is_success(int status) {
  return status >= 200 && status <= 299;
}

}  // namespace

tl::expected<WholeResponse, ApiError> exchange(http_client& client, const web::http::http_request& request,
                                               std::chrono::steady_clock::time_point deadline,
                                               std::size_t max_body_bytes, const std::stop_token& stop) {
  Running running(client, request, std::make_shared<BodyPipe>(max_body_bytes));
  BodyPipe& pipe = running.pipe();
  WholeResponse response;
  const BodyPipe::Event event = pipe.next(response.body, deadline, stop);
  if (event == BodyPipe::Event::kStopped) return tl::unexpected(stopped());
  if (event == BodyPipe::Event::kDeadline) return tl::unexpected(too_late());
  if (auto error = pipe.error()) return tl::unexpected(std::move(*error));
  response.head = pipe.head();
  return response;
}

tl::expected<void, ApiError> exchange_stream(http_client& client, const web::http::http_request& request,
                                             std::chrono::milliseconds silence,
                                             const std::function<bool(std::string_view)>& on_piece,
                                             const std::stop_token& stop) {
  Running running(client, request, std::make_shared<BodyPipe>());
  BodyPipe& pipe = running.pipe();
  std::string piece;
  for (;;) {
    const auto deadline = runtime::steady_now() + silence;
    switch (pipe.next(piece, deadline, stop)) {
      case BodyPipe::Event::kStopped:
        return tl::unexpected(stopped());
      case BodyPipe::Event::kDeadline:
        return tl::unexpected(no_answer(kReasonTimeout, "the server fell silent"));
      case BodyPipe::Event::kEnd: {
        if (auto error = pipe.error()) return tl::unexpected(*error);
        const ResponseHead head = pipe.head();
        if (!is_success(head.status))
          return tl::unexpected(error_from_response(head.status, "", head.retry_after));
        return {};
      }
      case BodyPipe::Event::kPiece: {
        const ResponseHead head = pipe.head();
        if (!is_success(head.status)) {
          auto done = collect(pipe, piece, deadline, kMaxRefusalBytes, stop);
          return tl::unexpected(done ? error_from_response(head.status, piece, head.retry_after)
                                     : done.error());
        }
        if (!on_piece(piece)) return {};
        break;
      }
    }
  }
}

}  // namespace storagepool::kube
