#include "pool/engine/simulator/driver/server.h"

#include <algorithm>
#include <array>
#include <new>
#include <sstream>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/engine/doubts.h"

namespace storagepool::engine::driver_simulator {
namespace asio = boost::asio;
using postgres::ErrorClass;
using runtime::steady_now;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

Server* current_server = nullptr;

constexpr milliseconds kQuick{5};
constexpr milliseconds kSlow{800};
constexpr seconds kAbandoned{3};
constexpr seconds kFoundLate{30};  // at the latest when its statement is given up

}  // namespace

Server::Server(std::uint64_t seed, Report& report) : report_(report), random_(seed) {
  current_server = this;
}
Server::~Server() {
  current_server = nullptr;
}
Server& Server::current() {
  return *current_server;
}

bool Server::chance(double probability) {
  return std::uniform_real_distribution<>()(random_) < probability;
}
nanoseconds Server::up_to(nanoseconds bound) {
  return nanoseconds(std::uniform_int_distribution<std::int64_t>(0, bound.count())(random_));
}

asio::awaitable<void> Server::pass(nanoseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, steady_now() + time);
  co_await timer.async_wait(asio::use_awaitable);
}

int Server::sockets() const {
  const auto open =
      std::ranges::count_if(sessions_, [](const Session* session) { return session->counts(); });
  const auto dropped =
      std::ranges::count_if(abandoned_, [](TimePoint until) { return steady_now() < until; });
  return connecting_ + static_cast<int>(open + dropped) + orphans();
}

// Those for which the engine keeps the tokens still.
int Server::orphans() const {
  return static_cast<int>(std::ranges::count_if(orphans_, [](const Orphan& orphan) {
    return !orphan.ended && steady_now() < orphan.since + Doubts::kTokenKept;
  }));
}

// It is found to be cut off later, and then kept for as long.
int Server::most_kept() const {
  return static_cast<int>(std::ranges::count_if(orphans_, [](const Orphan& orphan) {
    return steady_now() < orphan.since + kFoundLate + Doubts::kTokenKept;
  }));
}

void Server::end_orphans(const std::string& list) {
  std::istringstream numbers(list);
  for (std::string number; std::getline(numbers, number, ',');) {
    for (Orphan& orphan : orphans_) {
      if (std::to_string(orphan.backend) == number) orphan.ended = true;
    }
  }
}

bool Server::busy() const {
  return connecting_ > 0 ||
         std::ranges::any_of(sessions_, [](const Session* session) { return session->doing != nullptr; });
}

void Server::limit(int sockets) {
  limit_ = sockets;
  allowed_ = std::max(allowed_, sockets);
}
void Server::at_rest() {
  allowed_ = std::max(limit_, std::min(allowed_, sockets()));
}

void Server::check_begin(const std::string& database, bool trial) {
  // One session may be made to ask after those that were cut off.
  if (sockets() > allowed_ + (orphans() > 0 ? 1 : 0)) {
    report_.violated("E1: " + std::to_string(sockets()) + " sockets at the server, " +
                     std::to_string(allowed_) + " allowed");
  }
  if (trial) return;
  if (suspended) report_.violated("a suspended pool opens a connection");
  if (std::ranges::count(closed_databases, database) > 0) {
    report_.violated("a connection to the closed database " + database + " is opened");
  }
}

postgres::Error Server::refusal() {
  constexpr std::array kClasses = {ErrorClass::kUnreachable, ErrorClass::kServerFull,
                                   ErrorClass::kCredentialsRejected, ErrorClass::kDatabaseMissing};
  const auto kind = kClasses[random_() % kClasses.size()];
  return {.error_class = kind, .detail = "connecting", .database_only = kind == ErrorClass::kDatabaseMissing};
}

asio::awaitable<Server::Connected> Server::connect(std::string database, bool trial,
                                                   postgres::Deadline deadline) {
  if (chance(weather.throws)) {
    if (!trial) ++failed;
    throw std::bad_alloc();
  }
  ++connecting_;
  if (trial) ++connecting_trials_;
  const int era_begun = era;
  report_.note("connect to", database, "begins,", sockets(), "sockets");
  check_begin(database, trial);
  const bool hangs = chance(weather.hangs);
  const bool refused = chance(weather.refuses);
  const nanoseconds takes = up_to(chance(weather.slow) ? kSlow : kQuick);
  const bool late = hangs || steady_now() + takes >= deadline;
  co_await pass(late ? deadline - steady_now() : takes);
  if (late && chance(0.5)) co_await pass(up_to(seconds(1)));  // until the server has let go
  --connecting_;
  if (trial) --connecting_trials_;
  if (late || refused) {
    report_.note("connect to", database, "failed");
    if (!trial) ++failed;
    const postgres::Error unreachable{.error_class = ErrorClass::kUnreachable, .detail = "no answer"};
    const postgres::Error error = late ? unreachable : refusal();
    co_return tl::unexpected(error);
  }
  report_.note("connect to", database, "succeeded");
  if (!trial) ++connected;
  std::unique_ptr<postgres::Session> session = std::make_unique<Session>(*this, database, trial, era_begun);
  co_return std::move(session);
}

void Server::restart() {
  report_.note("the server restarts");
  for (Session* session : sessions_) session->end();
  for (Orphan& orphan : orphans_) orphan.ended = true;
}
void Server::lose_one() {
  if (!sessions_.empty()) sessions_[random_() % sessions_.size()]->end();
}
void Server::cut_off(bool all) {
  if (sessions_.empty()) return;
  if (!all) return sessions_[random_() % sessions_.size()]->cut();
  for (Session* session : sessions_) session->cut();
}
void Server::wake_one() {
  if (!sessions_.empty()) sessions_[random_() % sessions_.size()]->wake();
}

Session::Session(Server& server, std::string name, bool is_trial, int begun)
    : database(std::move(name)),
      trial(is_trial),
      era(begun),
      server_(server),
      backend_(++server.backends_),
      descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  server_.sessions_.push_back(this);
}
Session::~Session() {
  if (counts()) server_.abandoned_.push_back(steady_now() + kAbandoned);
  std::erase(server_.sessions_, this);
  ::close(descriptor_);
}

bool Session::counts() const {
  return !gone_ && !dead_at;
}
void Session::wake() const {
  eventfd_write(descriptor_, 1);
}
void Session::end() {
  if (dead_at || gone_) return;
  server_.report_.note("a session of", database, "ends");
  end_here();
}
void Session::cut() {
  if (dead_at || gone_ || closing_ || trial) return;
  server_.report_.note("a session of", database, "is cut off");
  // What asks has a token to itself, which its failure gives back.
  server_.orphans_.push_back({.backend = backend_, .since = steady_now(), .ended = asks_first});
  cut_off_ = true;
  end_here();
}
void Session::end_here() {
  dead_at = steady_now();
  wake();
  if (waiting_ != nullptr) waiting_->cancel();
}

void Session::begin(const char* what) {
  if (doing != nullptr) {
    server_.report_.violated(std::string("two at once on a session: ") + what + " during " + doing);
  }
  if (closing_) server_.report_.violated(std::string(what) + " on a session that was closed");
  doing = what;
}

asio::awaitable<void> Session::wait(TimePoint until) {
  asio::steady_timer timer(co_await asio::this_coro::executor, until);
  waiting_ = &timer;
  boost::system::error_code ended;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  waiting_ = nullptr;
}

asio::awaitable<Session::Answer> Session::query(std::string_view sql, std::vector<postgres::Parameter>,
                                                postgres::Deadline deadline) {
  return execute(sql, deadline);
}
asio::awaitable<Session::Answer> Session::query_once(std::string_view sql, std::vector<postgres::Parameter>,
                                                     postgres::Deadline deadline) {
  return execute(sql, deadline);
}
asio::awaitable<tl::expected<postgres::Rows, postgres::Error>> Session::fetch(
    std::string_view sql, std::vector<postgres::Parameter>, postgres::Deadline deadline, postgres::Fetch) {
  const auto done = co_await execute(sql, deadline);
  if (!done) co_return tl::unexpected(done.error());
  co_return postgres::Rows();
}

asio::awaitable<Session::Answer> Session::execute(std::string_view sql, postgres::Deadline deadline) {
  const std::string text(sql);
  begin("a statement");
  server_.report_.note("statement '" + text + "' in", database);
  const bool fails = server_.chance(server_.weather.fails);
  const bool hangs = server_.chance(server_.weather.hangs);
  const auto takes = server_.up_to(server_.chance(server_.weather.slow) ? kSlow : kQuick);
  checked = text.empty();
  const auto list = text.find("'{");
  const bool first = list != std::string::npos && !known_;
  asks_first = first;
  if (!dead_at) co_await wait(hangs ? deadline : std::min(deadline, steady_now() + takes));
  checked = false;
  doing = nullptr;
  const bool late = steady_now() >= deadline;
  if (dead_at || late || fails) {
    usable_ = !dead_at && !late;
    asks_first = first && !usable_;  // it is closed then
    lost_ = !usable_ && (dead_at || hangs);
    if (text.empty()) show_dead();
    const auto kind = dead_at ? ErrorClass::kConnectionLost
                      : late  ? ErrorClass::kTimeout
                              : ErrorClass::kOther;
    co_return tl::unexpected(postgres::Error{.error_class = kind, .detail = "failed"});
  }
  asks_first = false;
  if (list != std::string::npos) {
    server_.end_orphans(text.substr(list + 2, text.find('}') - list - 2));
    co_return postgres::Result();  // none is left
  }
  if (text == "BEGIN") in_transaction_ = true;
  if (text == "ROLLBACK") in_transaction_ = false;
  co_return postgres::Result();
}

void Session::set_limits(milliseconds timeout, milliseconds, std::size_t) {
  statement_timeout = timeout;
  known_ = true;
}

// An owner that was told so has to tell its own.
void Session::show_dead() const {
  if (!std::exchange(shown_dead_, true) && !trial) ++server_.shown_dead;
}

bool Session::alive() {
  if (doing != nullptr) server_.report_.violated(std::string("a session is looked at during ") + doing);
  if (closing_) server_.report_.violated("a session that was closed is looked at");
  if (dead_at) show_dead();
  return !dead_at;
}
bool Session::lost() const {
  if (lost_) show_dead();
  return lost_;
}

asio::awaitable<bool> Session::close(postgres::Deadline deadline) {
  begin("a close");
  closing_ = true;
  server_.report_.note("close in", database);
  const bool hangs = server_.chance(server_.weather.hangs);
  const auto takes = server_.up_to(server_.chance(server_.weather.slow) ? kSlow : kQuick);
  if (!dead_at) co_await wait(hangs ? deadline : std::min(deadline, steady_now() + takes));
  doing = nullptr;
  gone_ = true;
  server_.report_.note("closed in", database);
  co_return !hangs;
}

}  // namespace storagepool::engine::driver_simulator

namespace storagepool::postgres {

// NOLINTNEXTLINE(performance-unnecessary-value-param): as in connect.h
boost::asio::awaitable<tl::expected<std::unique_ptr<Session>, Error>> connect(boost::asio::any_io_executor,
                                                                              const ConnectOptions& options,
                                                                              Deadline deadline) {
  return engine::driver_simulator::Server::current().connect(
      options.database, options.user == engine::driver_simulator::kTrialUser, deadline);
}

}  // namespace storagepool::postgres
