#include "pool/service/app.h"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "pool/audit/store.h"
#include "pool/engine/engine.h"
#include "pool/http/router.h"
#include "pool/http/server.h"
#include "pool/runtime/coroutine.h"
#include "pool/runtime/files.h"
#include "pool/runtime/log.h"
#include "pool/runtime/stop_signal.h"
#include "pool/service/admin_routes.h"
#include "pool/service/audit_routes.h"
#include "pool/service/credential_watch.h"
#include "pool/service/credentials.h"
#include "pool/service/health_routes.h"
#include "pool/service/live_settings.h"
#include "pool/service/monitor.h"
#include "pool/service/service_metrics.h"
#include "pool/settings/duration.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kConfigPeriod{2};
constexpr std::chrono::seconds kCredentialsPeriod{2};
constexpr std::chrono::seconds kRequestTimeout{60};  // besides acquireTimeout and statementTimeout
// While PostgreSQL is known to be away: long enough to ride out a blip, short enough to say so early.
constexpr std::chrono::seconds kAwayPatience{2};
// Kept of the drain timeout for closing sessions after the last request was answered.
constexpr std::chrono::milliseconds kEngineShare{2000};

http::Limits small_requests() {
  http::Limits limits;
  limits.body_bytes = settings::kMaxConfigBytes;
  limits.max_connections = 64;
  return limits;
}

class App {
 public:
  App(const Options& options, InForce in_force, settings::Given environment);
  int run();

 private:
  bool listen();
  bool listen(http::Server& server, std::uint16_t port, const char* name, std::uint16_t& bound);
  awaitable<void> watch_config();
  awaitable<void> watch_credentials();
  bool take_mounted(const std::string& text);  // false when it is worth trying again
  awaitable<void> drain();
  void log_in_force(const char* message) const;
  std::vector<std::string> not_ready() const;
  steady_clock::time_point request_deadline() const;
  static awaitable<http::Response> metrics(App* app);

  const Options& options_;
  boost::asio::io_context context_{1};
  boost::asio::any_io_executor executor_{context_.get_executor()};
  ServiceMetrics metrics_;
  Monitor monitor_{executor_};
  LiveSettings settings_;
  engine::Engine engine_;
  audit::Store store_;
  http::Router api_routes_;
  http::Router health_routes_;
  http::Router metrics_routes_;
  http::Server api_;
  http::Server health_;
  http::Server admin_;
  http::Server metrics_server_;
  bool draining_ = false;
  int exit_code_ = 0;
};

App::App(const Options& options, InForce in_force, settings::Given environment)
    : options_(options),
      settings_(std::move(in_force), std::move(environment), options.state_dir + "/config.yaml",
                [this](const settings::Settings& settings) {
                  engine_.reconfigure(settings);
                  log_in_force("settings changed, now in force");
                }),
      engine_(
          executor_,
          [this] {
            const InForce& now = settings_.in_force();
            return read_connect_options({options_.credentials_dir, options_.ca_file}, now.config.postgres,
                                        now.settings);
          },
          settings_.in_force().config.postgres.database, settings_.in_force().settings, monitor_.listener()),
      store_(engine_, settings_.in_force().config.postgres.database),
      api_(executor_, {}, metrics_.counted(api_routes_.handler())),
      health_(executor_, small_requests(), health_routes_.handler()),
      admin_(executor_, small_requests(),
             make_admin_handler({options.admin_token_file, settings_, engine_,
                                 [this] { return monitor_.status().report(steady_clock::now()); }})),
      metrics_server_(executor_, small_requests(), metrics_routes_.handler()) {
  add_audit_routes(api_routes_,
                   {store_, [this] { return request_deadline(); }, [this] { metrics_.event_stored(); }});
  add_health_routes(health_routes_, [this] { return not_ready(); });
  metrics_routes_.add("GET", "/metrics", [this](const http::Request&) { return metrics(this); });
}

awaitable<http::Response> App::metrics(App* app) {
  http::Response response;
  response.content_type = runtime::Metrics::kContentType;
  response.body = app->metrics_.expose(app->engine_.statistics());
  co_return response;
}

std::vector<std::string> App::not_ready() const {
  std::vector<std::string> reasons = monitor_.status().not_ready();
  if (draining_) reasons.emplace_back("draining");
  return reasons;
}

steady_clock::time_point App::request_deadline() const {
  return steady_clock::now() + (monitor_.status().reachable() ? kRequestTimeout : kAwayPatience);
}

void App::log_in_force(const char* message) const {
  const settings::Settings now = engine_.in_force();
  const auto duration = [](std::chrono::milliseconds value) { return settings::format_duration(value); };
  log::info(message, {{"generation", settings_.in_force().config.generation},
                      {"maxOpenConns", now.max_open_conns},
                      {"maxIdleConns", now.max_idle_conns},
                      {"maxConnsPerDatabase", now.max_conns_per_database},
                      {"systemConns", now.system_conns},
                      {"connMaxLifetime", duration(now.conn_max_lifetime)},
                      {"connMaxIdleTime", duration(now.conn_max_idle_time)},
                      {"acquireTimeout", duration(now.acquire_timeout)},
                      {"maxWaiters", now.max_waiters},
                      {"connectTimeout", duration(now.connect_timeout)},
                      {"statementCacheSize", now.statement_cache_size},
                      {"statementTimeout", duration(now.statement_timeout)},
                      {"lockTimeout", duration(now.lock_timeout)},
                      {"validateAfterIdle", duration(now.validate_after_idle)}});
}

bool App::listen(http::Server& server, std::uint16_t port, const char* name, std::uint16_t& bound) {
  const auto result = server.listen(options_.listen_address, port);
  if (!result) {
    log::error(
        "cannot listen",
        {{"server", name}, {"address", options_.listen_address}, {"port", port}, {"detail", result.error()}});
    return false;
  }
  bound = *result;
  return true;
}

bool App::listen() {
  std::uint16_t api = 0;
  std::uint16_t health = 0;
  std::uint16_t admin = 0;
  std::uint16_t metrics = 0;
  if (!listen(api_, options_.api_port, "api", api) ||
      !listen(health_, options_.health_port, "health", health) ||
      !listen(admin_, options_.admin_port, "admin", admin) ||
      !listen(metrics_server_, options_.metrics_port, "metrics", metrics)) {
    return false;
  }
  log::info("listening",
            {{"apiPort", api}, {"healthPort", health}, {"adminPort", admin}, {"metricsPort", metrics}});
  return true;
}

// The mounted file is how a change comes when the operator cannot reach the pod.
awaitable<void> App::watch_config() {
  std::string seen;
  while (!draining_) {
    co_await runtime::sleep_for(kConfigPeriod);
    const auto text = runtime::read_file(options_.config_file, settings::kMaxConfigBytes);
    const std::string now = text ? *text : text.error();
    if (now == seen) continue;
    seen = now;
    if (!text) {
      log::warn("the mounted configuration cannot be read", {{"detail", text.error()}});
    } else if (!take_mounted(*text)) {
      seen.clear();  // tried again
    }
  }
}

bool App::take_mounted(const std::string& text) {
  const auto mounted = settings::parse_config(text);
  if (!mounted) {
    log::warn("the mounted configuration is not usable", {{"detail", settings::to_string(mounted.error())}});
    return true;
  }
  const InForce& now = settings_.in_force();
  if (mounted->postgres != now.config.postgres) {
    log::warn("the mounted configuration names another PostgreSQL, which takes effect with a restart");
  }
  if (mounted->generation <= now.config.generation) return true;
  const auto changed = settings_.change(mounted->generation, mounted->pool, "the configuration file");
  if (changed) return true;
  log::warn("the mounted configuration is refused", {{"detail", changed.error().detail}});
  return changed.error().reason != Refusal::Reason::kNotPersisted;
}

// New sessions read the mounted files anyway; those made with what stood there before are replaced.
awaitable<void> App::watch_credentials() {
  CredentialWatch watch({options_.credentials_dir, options_.ca_file},
                        settings_.in_force().config.postgres.ssl_mode);
  while (!draining_) {
    co_await runtime::sleep_for(kCredentialsPeriod);
    if (!watch.changed()) continue;
    log::info("the credentials have changed, replacing the sessions", {{"open", engine_.statistics().open}});
    engine_.retire_connections();
  }
}

awaitable<void> App::drain() {
  const auto began = steady_clock::now();
  const auto deadline = began + options_.drain_timeout;
  const auto share = std::min<steady_clock::duration>(kEngineShare, options_.drain_timeout / 4);
  monitor_.stop();
  const bool answered = co_await api_.drain(deadline - share);
  const bool closed = co_await engine_.drain(deadline);
  const auto end = std::max(deadline, steady_clock::now() + std::chrono::milliseconds{100});
  co_await admin_.drain(end);
  co_await metrics_server_.drain(end);
  co_await health_.drain(end);
  exit_code_ = answered && closed ? 0 : 1;
  log::info("drained", {{"clean", answered && closed},
                        {"seconds", std::chrono::duration<double>(steady_clock::now() - began).count()}});
  context_.stop();
}

int App::run() {
  log_in_force("settings in force");
  if (const auto written = settings_.persist(); !written) {
    log::warn("the settings in force could not be persisted", {{"detail", written.error()}});
  }
  if (!listen()) return 1;
  const runtime::StopSignal stop(executor_, [this](int signal) {
    log::info("draining",
              {{"signal", signal}, {"timeout", settings::format_duration(options_.drain_timeout)}});
    draining_ = true;
    runtime::spawn(executor_, "drain", drain());
  });
  monitor_.start(engine_, settings_.in_force().config.postgres.database);
  runtime::spawn(executor_, "configuration", watch_config());
  runtime::spawn(executor_, "credentials", watch_credentials());
  context_.run();
  return exit_code_;
}

std::optional<settings::Config> read_persisted(const std::string& path) {
  const auto text = runtime::read_file(path, settings::kMaxConfigBytes);
  if (!text) return std::nullopt;  // none yet
  auto config = settings::parse_config(*text);
  if (config) return std::move(*config);
  log::error("the persisted configuration is not usable, going on with the mounted one",
             {{"path", path}, {"detail", settings::to_string(config.error())}});
  return std::nullopt;
}

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int refuse(const std::string& detail) {
  constexpr int kConfigurationError = 2;
  log::error("the configuration is not usable", {{"detail", detail}});
  return kConfigurationError;
}

}  // namespace

int run(const Options& options) {
  const auto text = runtime::read_file(options.config_file, settings::kMaxConfigBytes);
  if (!text) return refuse(text.error());
  const auto mounted = settings::parse_config(*text);
  if (!mounted) return refuse(options.config_file + ": " + settings::to_string(mounted.error()));
  auto given = settings::from_environment(environment);
  if (!given) return refuse(settings::to_string(given.error()));
  auto in_force = choose_config(*mounted, read_persisted(options.state_dir + "/config.yaml"), *given);
  if (!in_force) return refuse(settings::to_string(in_force.error()));
  App app(options, std::move(*in_force), std::move(*given));
  return app.run();
}

}  // namespace storagepool::service
