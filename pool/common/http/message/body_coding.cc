#include "pool/common/http/message/body_coding.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/http/message/coding.h"
#include "pool/common/http/message/fields.h"
#include "pool/common/http/message/problem.h"

namespace asio = boost::asio;

namespace storagepool::http {
namespace {

// Some two milliseconds of work each.
constexpr std::size_t kLeastSlice = std::size_t{4} * 1024;
constexpr std::size_t kDecodedSlice = std::size_t{256} * 1024;
constexpr std::size_t kCompressedSlice = std::size_t{128} * 1024;
// Batches of much the same events come to a fiftieth or so; what is far denser is made to cost us, not to
// tell us something. Small bodies cost nothing.
constexpr std::size_t kMaxRatio = 200;
constexpr std::size_t kAnyRatio = std::size_t{256} * 1024;
// What is smaller fits into one packet either way.
constexpr std::size_t kLeastCompressed = 1400;

bool has_body(const Request& head) {
  if (head.header("Transfer-Encoding")) return true;
  const auto length = head.header("Content-Length");
  return length && length->find_first_not_of('0') != std::string_view::npos;
}

// Decodes one body.
class Decoding {
 public:
  Decoding(Request& request, Coding coding, std::size_t limit, const Reserve& reserve)
      : request_(request),
        coding_(coding),
        limit_(limit),
        reserve_(reserve),
        decoder_(coding),
        rest_(request.body) {}

  // The refusal; none while there is more to do, or when done().
  std::optional<Response> slice();
  bool done() const { return done_; }
  std::string take() {
    body_.resize(made_);
    return std::move(body_);
  }

 private:
  bool grow();
  Response malformed(const std::string& why) const;
  Response too_large(const std::string& why) const {
    return problem(ProblemKind::kRequestTooLarge, "the request body " + why, request_.path);
  }

  const Request& request_;
  const Coding coding_;
  const std::size_t limit_;
  const Reserve& reserve_;
  Decoder decoder_;
  std::string_view rest_;
  std::string body_;
  std::size_t made_ = 0;
  std::size_t own_memory_ = 0;  // reserved for the decoder
  bool done_ = false;
};

Response Decoding::malformed(const std::string& why) const {
  const std::string name(to_string(coding_));
  return problem(ProblemKind::kValidationError, "Content-Encoding: the body is not " + name + ": " + why,
                 request_.path, {{"Content-Encoding", "not " + name}});
}

// By as much again each time, up to one byte above the limit, which tells that there are more.
bool Decoding::grow() {
  const std::size_t likely = body_.empty() ? 4 * request_.body.size() : body_.size();
  const std::size_t size = std::min(made_ + std::clamp(likely, kLeastSlice, kDecodedSlice), limit_ + 1);
  const std::size_t memory = std::max(decoder_.memory(), own_memory_);
  if (!reserve_(size - body_.size() + memory - own_memory_)) return false;
  own_memory_ = memory;
  body_.resize(size);
  return true;
}

std::optional<Response> Decoding::slice() {
  if (made_ == body_.size() && !grow()) {
    Response busy =
        problem(ProblemKind::kUnavailable, "too many large requests at once, try again", request_.path);
    busy.headers.emplace_back("Retry-After", "1");
    return busy;
  }
  const auto step = decoder_.decode(rest_, body_.data() + made_, body_.size() - made_);
  if (!step) return malformed(step.error());
  rest_.remove_prefix(step->taken);
  made_ += step->made;
  if (made_ > limit_) return too_large("is larger than " + std::to_string(limit_) + " bytes once decoded");
  if (made_ > kAnyRatio && made_ / kMaxRatio > request_.body.size()) {
    return too_large("decodes to more than " + std::to_string(kMaxRatio) + " times its size");
  }
  done_ = rest_.empty() && made_ < body_.size();
  if (done_ && !decoder_.whole()) return malformed("it ends early");
  return std::nullopt;
}

}  // namespace

std::optional<Response> refuse_coding(const Request& head) {
  if (request_coding(head) || !has_body(head)) return std::nullopt;
  Response refused = problem(ProblemKind::kUnsupportedCoding,
                             "Content-Encoding: allowed are gzip and zstd, one of them, or none", head.path,
                             {{"Content-Encoding", "allowed: gzip, zstd"}});
  refused.headers.emplace_back("Accept-Encoding", kDecoded);
  return refused;
}

bool is_coded(const Request& request) {
  return request_coding(request).value_or(Coding::kIdentity) != Coding::kIdentity && !request.body.empty();
}

asio::awaitable<std::optional<Response>> decode_body(Request& request, std::size_t limit,
                                                     const Reserve& reserve) {
  Decoding decoding(request, *request_coding(request), limit, reserve);
  while (!decoding.done()) {
    auto refusal = decoding.slice();
    if (refusal) co_return refusal;
    if (!decoding.done()) co_await asio::post(asio::use_awaitable);
  }
  request.body = decoding.take();
  std::erase_if(request.headers,
                [](const auto& field) { return equals_ignoring_case(field.first, "Content-Encoding"); });
  co_return std::nullopt;
}

bool compressible(const Response& response) {
  return body_size(response) >= kLeastCompressed &&
         std::none_of(response.headers.begin(), response.headers.end(), [](const auto& field) {
           return equals_ignoring_case(field.first, "Content-Encoding");
         });
}

asio::awaitable<void> compress(Response& response) {
  GzipEncoder encoder;
  std::size_t left = body_size(response);
  std::vector<std::string> parts = std::exchange(response.pieces, {});
  parts.insert(parts.begin(), std::exchange(response.body, {}));
  std::string compressed;
  for (std::string& part : parts) {
    for (std::string_view rest = part; !rest.empty();) {
      const std::string_view slice = rest.substr(0, kCompressedSlice);
      rest.remove_prefix(slice.size());
      left -= slice.size();
      encoder.encode(slice, left == 0, compressed);
      if (compressed.size() >= kCompressedSlice) response.pieces.push_back(std::exchange(compressed, {}));
      if (left > 0) co_await asio::post(asio::use_awaitable);
    }
    part = {};
  }
  response.pieces.push_back(std::move(compressed));
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace storagepool::http
