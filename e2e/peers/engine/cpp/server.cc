#include "e2e/peers/engine/cpp/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

namespace storagepool::engine::peer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSamplePeriod{10};
constexpr int kEndTimeoutMs = 5000;

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Finish>;
using ResultHandle = std::unique_ptr<PGresult, Finish>;

Handle connect(const Options& options) {
  const std::string port = std::to_string(options.port);
  const std::array keys = {"hostaddr",
                           "port",
                           "dbname",
                           "user",
                           "password",
                           "sslmode",
                           "gssencmode",
                           "connect_timeout",
                           static_cast<const char*>(nullptr)};
  const std::array values = {options.host.c_str(),
                             port.c_str(),
                             options.database.c_str(),
                             options.user.c_str(),
                             options.password.c_str(),
                             "disable",
                             "disable",
                             "10",
                             static_cast<const char*>(nullptr)};
  Handle connection(PQconnectdbParams(keys.data(), values.data(), 0));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(std::string("connecting: ") + PQerrorMessage(connection.get()));
  }
  return connection;
}

// The first field of the first row.
std::string value_of(PGconn* connection, const char* sql, const std::vector<const char*>& parameters) {
  const ResultHandle result(PQexecParams(connection, sql, static_cast<int>(parameters.size()), nullptr,
                                         parameters.data(), nullptr, nullptr, 0));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1) {
    throw std::runtime_error(std::string(sql) + ": " + PQerrorMessage(connection));
  }
  return PQgetvalue(result.get(), 0, 0);
}

// Ends the session and waits for the server's end of it.
void close(Handle connection) {
  const int descriptor = dup(PQsocket(connection.get()));
  if (descriptor < 0) throw std::runtime_error("out of descriptors");
  connection.reset();
  pollfd wait = {descriptor, POLLIN, 0};
  char byte = 0;
  bool ended = false;
  while (!ended && poll(&wait, 1, kEndTimeoutMs) == 1) ended = read(descriptor, &byte, 1) <= 0;
  ::close(descriptor);
  if (!ended) throw std::runtime_error("the server did not close a session within 5 s");
}

}  // namespace

nlohmann::json run_connect_loop(const Options& options) {
  const auto start = steady_clock::now() + kWarmUp;
  const auto end = start + std::chrono::duration_cast<steady_clock::duration>(
                               std::chrono::duration<double>(options.seconds));
  std::atomic<std::int64_t> operations = 0;
  std::mutex mutex;
  std::exception_ptr problem;
  {
    std::vector<std::jthread> connectors;
    connectors.reserve(options.clients);
    for (int i = 0; i < options.clients; ++i) {
      connectors.emplace_back([&] {
        try {
          for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
            auto connection = connect(options);
            value_of(connection.get(), "SELECT 1", {});
            close(std::move(connection));
            const auto done = steady_clock::now();
            if (done >= start && done < end) ++operations;
          }
        } catch (...) {
          const std::lock_guard lock(mutex);
          problem = std::current_exception();
        }
      });
    }
  }
  if (problem) std::rethrow_exception(problem);
  return {{"pool", "ours"},
          {"version", STORAGEPOOL_VERSION},
          {"case", "connect_loop"},
          {"clients", options.clients},
          {"operations", operations.load()},
          {"seconds", options.seconds},
          {"failed", 0}};
}

nlohmann::json run_sample(const Options& options) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const auto connection = connect(options);
  const auto end = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                             std::chrono::duration<double>(options.seconds));
  std::int64_t samples = 0;
  std::int64_t peak = 0;
  std::int64_t sum = 0;
  for (auto next = steady_clock::now(); next < end; next += kSamplePeriod) {
    const std::int64_t count = std::stoll(value_of(
        connection.get(),
        "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND backend_type = 'client backend'",
        {options.sampled_user.c_str()}));
    ++samples;
    sum += count;
    peak = std::max(peak, count);
    const auto left = std::max(next + kSamplePeriod - steady_clock::now(), steady_clock::duration::zero());
    const timespec wait = {0, std::chrono::nanoseconds(left).count()};
    if (sigtimedwait(&stop, nullptr, &wait) > 0) break;
  }
  return {{"case", "sample"},
          {"peak", peak},
          {"samples", samples},
          {"mean", static_cast<double>(sum) / static_cast<double>(std::max<std::int64_t>(samples, 1))}};
}

}  // namespace storagepool::engine::peer
