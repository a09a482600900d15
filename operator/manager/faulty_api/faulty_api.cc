#include "operator/manager/faulty_api/faulty_api.h"

#include <algorithm>
#include <array>
#include <limits>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include "operator/kube/object.h"
#include "operator/manager/faulty_api/snapshot.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::manager::faulty_api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using boost::system::error_code;
using kube::Json;
using tcp = asio::ip::tcp;

constexpr std::uint64_t kMostBytes = 64u << 20;
constexpr std::string_view kGone =
    R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}})"
    "\n";

constexpr std::string_view kDefinition = "/customresourcedefinitions/";
constexpr std::string_view kMark = "storagepool.dev/installation";

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string path_of(std::string_view target) {
  return std::string(target.substr(0, target.find('?')));
}

// A list of one (operator/kube/watch/watch.h).
bool tells_the_version_alone(std::string_view target) {
  return target.ends_with("limit=1") || has(target, "limit=1&");
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

void close(beast::tcp_stream& stream, bool abrupt) {
  error_code ignored;
  if (abrupt) stream.socket().set_option(asio::socket_base::linger(true, 0), ignored);
  stream.close();
}

const char* reason_of(int status) {
  static const std::map<int, const char*> kReasons{{409, "Conflict"},
                                                   {410, "Expired"},
                                                   {429, "TooManyRequests"},
                                                   {503, "ServiceUnavailable"},
                                                   {504, "Timeout"}};
  const auto found = kReasons.find(status);
  return found == kReasons.end() ? "InternalError" : found->second;
}

}  // namespace

// From the operator, and the one to the API server that serves it.
struct FaultyApi::Connection {
  Stream near;
  std::unique_ptr<Stream> far = {};
};

FaultyApi::FaultyApi(Setting setting, Journal& journal)
    : setting_(std::move(setting)),
      journal_(journal),
      fates_(setting_.seed, setting_.faults),
      acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  near_context_.use_certificate_chain_file(setting_.certificate);
  near_context_.use_private_key_file(setting_.key, asio::ssl::context::pem);
  far_context_.load_verify_file(setting_.certificate);
  far_context_.set_verify_mode(asio::ssl::verify_peer);
  runtime::spawn(loop_.get_executor(), "accepting", accept());
  thread_ = std::jthread([this] { loop_.run(); });
}

FaultyApi::~FaultyApi() {
  loop_.stop();
  thread_.join();
}

std::vector<Written> FaultyApi::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

std::string FaultyApi::overwritten() const {
  const std::lock_guard lock(mutex_);
  return overwritten_;
}

asio::awaitable<void> FaultyApi::accept() {
  for (;;) {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    runtime::spawn(loop_.get_executor(), "serving", serve(std::move(socket)));
  }
}

// Ends when either side does.
asio::awaitable<void> FaultyApi::serve(tcp::socket socket) {
  Connection connection{Stream(beast::tcp_stream(std::move(socket)), near_context_)};
  try {
    co_await connection.near.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    beast::flat_buffer buffer;
    for (bool goes_on = true; goes_on;) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(kMostBytes);
      co_await http::async_read(connection.near, buffer, parser, asio::use_awaitable);
      goes_on = co_await answer(connection, parser.release());
    }
  } catch (const boost::system::system_error&) {
  }
}

asio::awaitable<std::unique_ptr<FaultyApi::Stream>> FaultyApi::connect() {
  auto far = std::make_unique<Stream>(beast::tcp_stream(loop_.get_executor()), far_context_);
  const tcp::endpoint target(asio::ip::address_v4::loopback(), setting_.target);
  co_await beast::get_lowest_layer(*far).async_connect(target, asio::use_awaitable);
  co_await far->async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  co_return far;
}

Asked FaultyApi::asked(const Request& request) const {
  const std::string target(request.target());
  const std::string path = path_of(target);
  const bool reads = request.method() == http::verb::get;
  Asked asked{.kind = reads ? Kind::kRead : Kind::kWrite, .what = std::string(request.method_string())};
  if (has(path, "/leases") || has(path, kDefinition)) asked.kind = Kind::kLease;
  if (has(target, "watch=true")) {
    asked.kind = Kind::kWatch;
    asked.what = "WATCH";
  }
  if (has(target, "dryRun=")) {
    asked.kind = Kind::kRead;
    asked.what = "PEEK";
  }
  // Journals of runs in different namespaces read the same.
  const std::string own = "/namespaces/" + setting_.name_space;
  const std::size_t at = path.find(own);
  asked.what += " " + (at == std::string::npos ? path : path.substr(0, at) + path.substr(at + own.size()));
  return asked;
}

// What is asked of all namespaces is asked of one. (The mark of the installation, which is on the CRD, is one
// of its own for each operator: see answer().)
void FaultyApi::rewrite(Request& request) const {
  static const std::array<std::string_view, 10> kAll{"/pods",
                                                     "/statefulsets",
                                                     "/configmaps",
                                                     "/services",
                                                     "/serviceaccounts",
                                                     "/poddisruptionbudgets",
                                                     "/persistentvolumeclaims",
                                                     "/horizontalpodautoscalers",
                                                     "/storagepools",
                                                     "/events"};
  std::string target(request.target());
  const std::string path = path_of(target);
  if (has(path, "/namespaces/")) return;
  for (const std::string_view plural : kAll) {
    if (!path.ends_with(plural)) continue;
    target.insert(path.size() - plural.size(), "/namespaces/" + setting_.name_space);
    request.target(target);
    return;
  }
}

// What a watch was told to be too old stays so, as in an API server's storage.
Plan FaultyApi::plan_of(const Asked& asked, const std::string& path) {
  if (!first_watch_ && asked.kind == Kind::kWatch) first_watch_ = journal_.elapsed();
  if (first_watch_) watched_ = true;
  const auto elapsed = first_watch_ ? journal_.elapsed() - *first_watch_ : 0ms;
  Plan plan = fates_.of(asked, elapsed, healed_);
  if (asked.kind == Kind::kWatch && forgotten_.contains(path)) plan = {.fate = Fate::kRefused, .status = 410};
  const bool too_old = plan.fate == Fate::kRefused && plan.status == 410;
  if (asked.kind == Kind::kWatch && (too_old || plan.end == End::kError)) forgotten_.insert(path);
  return plan;
}

asio::awaitable<bool> FaultyApi::answer(Connection& connection, Request request) {
  const Asked asked = this->asked(request);
  const std::string target(request.target());
  const Plan plan = plan_of(asked, path_of(target));
  const bool strikes = plan.fate != Fate::kServed || plan.end != End::kNone;
  if (strikes) {
    ++struck_;
    journal_.add(asked.what + ": " + to_string(plan));
  } else if (asked.kind == Kind::kWrite) {
    journal_.add(asked.what);
  }
  rewrite(request);
  const bool marks = has(std::string(request.target()), kDefinition);
  if (marks) replace_all(request.body(), kMark, setting_.name_space + "." + std::string(kMark));
  request.prepare_payload();
  auto& near = beast::get_lowest_layer(connection.near);
  if (plan.fate == Fate::kDelayed) co_await runtime::sleep_for(plan.wait);
  if (plan.fate == Fate::kRefused) co_return co_await refuse(connection, request, plan.status);
  if (plan.fate == Fate::kSilent) co_await stay_silent(connection);
  if (plan.fate == Fate::kKilled) setting_.kill();
  if (plan.fate == Fate::kLate)
    runtime::spawn(loop_.get_executor(), "late", carry_out_late(request, asked, plan.wait));
  if (plan.fate == Fate::kOvertaken && (has(asked.what, "/configmaps/") || has(asked.what, "/statefulsets/")))
    held_[asked.what].push_back(request);
  if (plan.fate == Fate::kSilent || plan.fate == Fate::kKilled || plan.fate == Fate::kCut ||
      plan.fate == Fate::kLate || plan.fate == Fate::kOvertaken) {
    close(near, plan.abrupt);
    co_return false;
  }
  if (asked.kind == Kind::kWatch) {
    co_await watch(connection, std::move(request), plan);
    co_return false;
  }
  Response response = co_await exchange(connection, request, asked);
  if (marks) replace_all(response.body(), setting_.name_space + "." + std::string(kMark), kMark);
  if (marks) response.prepare_payload();
  if (asked.kind == Kind::kRead && response.result() == http::status::ok && !tells_the_version_alone(target))
    forgotten_.erase(path_of(target));
  if (plan.fate == Fate::kSeemsFailed) co_return co_await refuse(connection, request, 504);
  if (plan.fate == Fate::kKilledAfter) setting_.kill();
  if (plan.fate == Fate::kTruncated) co_await truncate(connection, std::move(response));
  if (plan.fate == Fate::kLost || plan.fate == Fate::kKilledAfter || plan.fate == Fate::kTruncated) {
    close(near, plan.abrupt);
    co_return false;
  }
  co_await http::async_write(connection.near, response, asio::use_awaitable);
  co_return response.keep_alive();
}

// What the API server has done is told, whatever its answer's fate.
asio::awaitable<FaultyApi::Response> FaultyApi::exchange(Connection& connection, const Request& request,
                                                         const Asked& asked) {
  if (connection.far == nullptr) connection.far = co_await connect();
  co_await http::async_write(*connection.far, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostBytes);
  co_await http::async_read(*connection.far, buffer, parser, asio::use_awaitable);
  if (asked.kind == Kind::kWrite) {
    ++writes_;
    if (parser.get().result_int() < 300) {
      const Json written = Json::parse(parser.get().body(), nullptr, false);
      release(asked, written);
      const std::lock_guard lock(mutex_);
      written_.push_back(
          {std::string(request.method_string()), path_of(std::string(request.target())), written});
    }
  }
  co_return parser.release();
}

asio::awaitable<void> FaultyApi::carry_out_late(Request request, Asked asked,
                                                std::chrono::milliseconds wait) {
  co_await runtime::sleep_for(wait);
  Connection connection{Stream(beast::tcp_stream(loop_.get_executor()), near_context_)};
  const Response response = co_await exchange(connection, request, asked);
  journal_.add(asked.what + ": carried out, " + std::to_string(response.result_int()));
}

// Those that would undo what was just written.
void FaultyApi::release(const Asked& asked, const Json& answer) {
  const auto held = held_.find(asked.what);
  if (held == held_.end()) return;
  std::erase_if(held->second, [&](Request& request) {
    if (!would_change(answer, Json::parse(request.body(), nullptr, false))) return false;
    runtime::spawn(loop_.get_executor(), "overtaken",
                   carry_out_overtaken(std::move(request), asked, kube::resource_version(answer)));
    return true;
  });
}

asio::awaitable<void> FaultyApi::carry_out_overtaken(Request request, Asked asked, std::uint64_t by) {
  Connection connection{Stream(beast::tcp_stream(loop_.get_executor()), near_context_)};
  const Response response = co_await exchange(connection, request, asked);
  const std::string what = asked.what + ": carried out, overtaken by version " + std::to_string(by) + ": " +
                           std::to_string(response.result_int());
  journal_.add(what);
  const bool changed = response.result_int() < 300 &&
                       kube::resource_version(Json::parse(response.body(), nullptr, false)) > by;
  const std::lock_guard lock(mutex_);
  if (changed) overwritten_ += what + "\n";
}

asio::awaitable<bool> FaultyApi::refuse(Connection& connection, const Request& request, int status) {
  Response response(http::int_to_status(static_cast<unsigned>(status)), 11);
  response.set(http::field::content_type, "application/json");
  if (status == 429) response.set(http::field::retry_after, "1");
  response.body() = Json{
      {"kind", "Status"},
      {"apiVersion", "v1"},
      {"status", "Failure"},
      {"message", "refused by the test"},
      {"reason", reason_of(status)},
      {"code", status}}.dump();
  response.keep_alive(request.keep_alive());
  response.prepare_payload();
  co_await http::async_write(connection.near, response, asio::use_awaitable);
  co_return response.keep_alive();
}

asio::awaitable<void> FaultyApi::truncate(Connection& connection, Response response) {
  response.prepare_payload();
  http::response_serializer<http::string_body> serializer(response);
  serializer.split(true);
  co_await http::async_write_header(connection.near, serializer, asio::use_awaitable);
  const std::string& body = response.body();
  co_await asio::async_write(connection.near, asio::buffer(body.data(), body.size() / 2),
                             asio::use_awaitable);
}

asio::awaitable<void> FaultyApi::stay_silent(Connection& connection) {
  std::array<char, 4096> buffer;
  for (error_code error; !error;) {
    co_await connection.near.async_read_some(asio::buffer(buffer),
                                             asio::redirect_error(asio::use_awaitable, error));
  }
}

// On connections that serve nothing else.
asio::awaitable<void> FaultyApi::watch(Connection& connection, Request request, Plan plan) {
  const std::unique_ptr<Stream> far = co_await connect();
  request.keep_alive(false);
  co_await http::async_write(*far, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> head;
  co_await http::async_read_header(*far, buffer, head, asio::use_awaitable);
  if (head.get().result() != http::status::ok) {
    http::response_parser<http::string_body> whole(std::move(head));
    co_await http::async_read(*far, buffer, whole, asio::use_awaitable);
    co_await http::async_write(connection.near, whole.get(), asio::use_awaitable);
    co_return;
  }
  http::response<http::empty_body> begin(http::status::ok, 11);
  begin.set(http::field::content_type, "application/json");
  begin.keep_alive(false);
  begin.chunked(true);
  http::response_serializer<http::empty_body> serializer(begin);
  co_await http::async_write_header(connection.near, serializer, asio::use_awaitable);
  http::response_parser<http::buffer_body> events(std::move(head));
  events.body_limit(std::numeric_limits<std::uint64_t>::max());
  co_await end_watch(connection, co_await pass_on(connection, *far, buffer, events, plan));
  close(beast::get_lowest_layer(connection.near), plan.abrupt);
}

// Until the plan's end comes, or that of the watch; which of them.
asio::awaitable<End> FaultyApi::pass_on(Connection& connection, Stream& far, Buffer& buffer, Events& events,
                                        const Plan& plan) {
  const auto end_at = runtime::steady_now() + plan.wait;
  const bool at_once = plan.end != End::kNone && plan.end != End::kLagging && plan.end != End::kMidLine;
  if (at_once) beast::get_lowest_layer(far).expires_at(end_at);
  std::array<char, 16384> piece;
  while (!events.is_done()) {
    events.get().body().data = piece.data();
    events.get().body().size = piece.size();
    error_code error;
    co_await http::async_read(far, buffer, events, asio::redirect_error(asio::use_awaitable, error));
    const std::size_t got = piece.size() - events.get().body().size;
    if (plan.end == End::kLagging) co_await runtime::sleep_for(plan.wait);
    const bool broken = plan.end == End::kMidLine && got > 1 && runtime::steady_now() >= end_at;
    const auto chunk = http::make_chunk(asio::buffer(piece.data(), broken ? got / 2 : got));
    if (got > 0) co_await asio::async_write(connection.near, chunk, asio::use_awaitable);
    if (broken) co_return End::kMidLine;
    if (error && error != http::error::need_buffer) co_return at_once ? plan.end : End::kCut;
  }
  co_return End::kClean;
}

asio::awaitable<void> FaultyApi::end_watch(Connection& connection, End end) {
  if (end == End::kHalfOpen) co_await stay_silent(connection);
  if (end == End::kError)
    co_await asio::async_write(connection.near, http::make_chunk(asio::buffer(kGone)), asio::use_awaitable);
  if (end == End::kError || end == End::kClean)
    co_await asio::async_write(connection.near, http::make_chunk_last(), asio::use_awaitable);
}

}  // namespace storagepool::manager::faulty_api
