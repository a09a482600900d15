#include "pool/service/app.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pool/auth/auth.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/cpu_limit.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/side_loops.h"
#include "pool/common/runtime/loop/supervisor.h"
#include "pool/common/runtime/startup_code.h"
#include "pool/engine/engine.h"
#include "pool/ingest/ingest.h"
#include "pool/journal/journal.h"
#include "pool/reading/reading.h"
#include "pool/recording/backlog.h"
#include "pool/recording/destinations.h"
#include "pool/recording/event_store.h"
#include "pool/recording/recording.h"
#include "pool/recording/replay.h"
#include "pool/recording/replay_store.h"
#include "pool/service/background.h"
#include "pool/service/bounds.h"
#include "pool/service/config/credentials.h"
#include "pool/service/config/live_settings.h"
#include "pool/service/config/startup.h"
#include "pool/service/ending.h"
#include "pool/service/log/log_restart.h"
#include "pool/service/log/log_start.h"
#include "pool/service/monitor/changeover.h"
#include "pool/service/monitor/leaving.h"
#include "pool/service/monitor/monitor.h"
#include "pool/service/monitor/predecessor.h"
#include "pool/service/monitor/schema_mark.h"
#include "pool/service/routes/admin.h"
#include "pool/service/routes/audit.h"
#include "pool/service/routes/evidence/evidence.h"
#include "pool/service/routes/health.h"
#include "pool/service/routes/openapi.h"
#include "pool/service/routes/readiness.h"
#include "pool/service/routes/statistics.h"
#include "pool/service/routes/workspaces.h"
#include "pool/service/servers.h"
#include "pool/service/service_metrics.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kRequestTimeout{60};  // besides acquireTimeout and statementTimeout
// While PostgreSQL is known to be away: long enough to ride out a blip, short enough to say so early.
constexpr std::chrono::seconds kAwayPatience{2};
constexpr std::chrono::seconds kRereadKeys{1};

class App {
 public:
  App(const Options& options, Startup startup);
  ~App() { http_loops_.stop(context_); }
  int run();

 private:
  void start_journal();
  recording::RecordingOptions recording_options();
  void follow_predecessor(std::int64_t left);
  void leave(bool leaving);
  void add_routes();
  void look_at_log_key();
  postgres::ConnectOptions options_for(const Access& access);
  bool postgres_usable() const { return monitor_.status().usable(); }
  Situation situation() const;
  std::optional<settings::JournalReport> journal_report() const;
  settings::SettingsReport report() const;
  steady_clock::time_point request_deadline() const;
  PoolFigures figures() const;
  settings::FactsReport facts() const;
  Snapshot snapshot() const;
  static awaitable<http::Response> metrics(App* app);

  const Options& options_;
  runtime::SideLoops http_loops_;  // before the context, which may hold what belongs to them
  runtime::Loop context_;
  boost::asio::any_io_executor executor_{context_.get_executor()};
  ServiceMetrics metrics_;
  Monitor monitor_;
  SchemaMark schema_mark_;
  Leaving leaving_;
  Predecessor predecessor_;
  LiveSettings settings_;
  const std::string system_database_;
  Changeover changeover_;
  CaFiles ca_files_;
  engine::Engine engine_;
  reading::Reader reader_;
  ingest::Ingest ingest_;
  workspaces::Workspaces workspaces_;
  Validation validation_;
  recording::IngestStore event_store_;
  LogUpkeep log_;
  WorkspaceLogs workspace_logs_;
  recording::Destinations destinations_;
  std::unique_ptr<journal::Journal> journal_;
  std::optional<recording::JournalBacklog> backlog_;
  std::optional<recording::Replay> replay_;
  std::optional<recording::Recording> recording_;  // when the journal is open
  auth::Authenticator authenticator_;
  auth::OperatorRequests operator_requests_;
  Background background_;
  Servers servers_;
  std::optional<Ending> ending_;  // as soon as a signal may end the program
};

App::App(const Options& options, Startup startup)
    : options_(options),
      http_loops_(http_threads(options, runtime::cpu_limit()), "http"),
      monitor_(executor_, partition_settings(options)),
      schema_mark_(options.state_dir + "/schema-seen"),
      leaving_(options.state_dir + "/leaving", options.pod_uid, options.drain_delay),
      predecessor_(options.session_name),
      settings_(std::move(startup.in_force), std::move(startup.environment), persisted_config_file(options),
                [this](const settings::Settings& settings) {
                  engine_.reconfigure(predecessor_.leave_room(settings));
                  recording_->set_stall_after(settings.stall_after);
                  log_in_force("settings changed, now in force", settings_.in_force().config.generation,
                               engine_.in_force());
                }),
      system_database_(settings_.in_force().config.postgres.database),
      changeover_(
          {settings_.in_force().config.postgres,
           read_access({options.credentials_dir, options.ca_file}, settings_.in_force().config.postgres)}),
      engine_(
          executor_,
          [this]() -> tl::expected<postgres::ConnectOptions, postgres::Error> {
            const auto& access = changeover_.in_force().access;
            if (!access) return tl::unexpected(access.error());
            return options_for(*access);
          },
          system_database_, predecessor_.leave_room(settings_.in_force().settings), monitor_.listener()),
      reader_(engine_, system_database_),
      ingest_(executor_, engine_, ingest_limits(options)),
      workspaces_(executor_, engine_, system_database_, workspace_options(options)),
      event_store_(ingest_, [this] { return !postgres_usable(); }),
      log_({executor_, engine_, system_database_, [this] { return postgres_usable(); },
            [this](const evidence::Alarm& alarm) { metrics_.alarm(alarm.kind); }, options.log_key_file,
            options.event_times.future}),
      workspace_logs_({executor_, engine_, workspaces_, system_database_,
                       [this] { return !postgres_usable(); },
                       [this](const evidence::Alarm& alarm) { metrics_.alarm(alarm.kind); }}),
      destinations_(workspaces_, system_database_),
      authenticator_(auth_options(options)),
      operator_requests_(options.operator_keys, options.pod_uid, kRereadKeys),
      background_({options, settings_, engine_, authenticator_, operator_requests_,
                   partition_settings(options), [this] { return postgres_usable(); },
                   [this] { return monitor_.status().reachable(); }, changeover_,
                   [this](const Access& access) { return options_for(access); }, [this] { monitor_.moved(); },
                   [this] { look_at_log_key(); }}),
      servers_(executor_, http_loops_.executors(), options, metrics_, authenticator_,
               {operator_requests_, settings_, [this] { return report(); },
                [this] { return monitor_.look(), facts(); }, [this] { return journal_.get(); },
                [this](bool leaving) { leave(leaving); },
                [this](auto floor) { return report_log(log_, *recording_, destinations_, std::move(floor)); },
                metrics_.refusals("admin")}) {}

void App::add_routes() {
  workspaces_.on_registry([this](const workspaces::Error* error) { monitor_.read_registry(error); });
  const auto deadline = [this] { return request_deadline(); };
  const auto away = [this] { return !postgres_usable(); };
  http::Router& api = servers_.api_routes();
  add_audit_routes(api, {.recording = *recording_,
                         .reader = reader_,
                         .destinations = destinations_,
                         .event_times = options_.event_times,
                         .min_days = options_.min_days,
                         .now = [this] { return monitor_.now(); },
                         .deadline = deadline,
                         .log_key = [this] { return log_.key(); },
                         .away = away,
                         .validation = validation_,
                         .on_received = [this](auto lag) { metrics_.received(lag); },
                         .on_acknowledged = [this](auto took) { metrics_.acknowledged(took); }});
  add_evidence_routes(
      api, tell_logs({reader_, *recording_, destinations_, deadline, away}, log_, workspace_logs_));
  add_workspace_routes(api, {workspaces_, deadline, away});
  add_statistics_routes(api, [this] { return figures(); });
  add_openapi_route(api);
  add_health_routes(servers_.health_routes(), [this] { return judge(situation()); });
  servers_.metrics_routes().add("GET", "/metrics", [this](const http::Request&) { return metrics(this); });
}

void App::look_at_log_key() {
  if (!log_.look_at_key()) return;
  ingest_.set_log_keys(log_.key()->keys);
  workspace_logs_.set_key(log_.key());
}

// What an earlier run acknowledged is brought into PostgreSQL, also when the journal takes nothing new. A
// disk that is full, read-only or absent keeps nobody from storing: the journal opens once it can.
void App::start_journal() {
  const std::string path = options_.state_dir + "/journal.db";
  std::error_code ignored;
  if (options_.journal_max_bytes == 0 && !std::filesystem::exists(path, ignored)) return;
  journal::Options journal{.path = path};
  journal.max_bytes = options_.journal_max_bytes;
  journal_ = journal::Journal::start(executor_, journal);
  recording::ReplayOptions replay;
  replay.live_requests = [this] { return recording_->called_lately() || engine_.statistics().waiting > 0; };
  backlog_.emplace(*journal_);
  replay_.emplace(executor_, *backlog_, recording::make_replay_store(event_store_, destinations_),
                  runtime::system_clock(), std::move(replay));
  replay_->start();
}

recording::RecordingOptions App::recording_options() {
  return {.stall_after = engine_.in_force().stall_after,
          .on_stall = [this] { monitor_.look(); },
          .on_outcome = [this](const std::string& database,
                               const tables::StoreError* error) { monitor_.wrote(database, error); },
          .journal_refuses = [this] { return journal_refuses(situation()); },
          .gone =
              [this](recording::Destination destination, steady_clock::time_point deadline) {
                return destinations_.gone(std::move(destination), deadline);
              }};
}

postgres::ConnectOptions App::options_for(const Access& access) {
  postgres::ConnectOptions connect = connect_options(access, settings_.in_force().settings, ca_files_);
  if (predecessor_.possible()) connect.application_name = predecessor_.application_name();
  return connect;
}

PoolFigures App::figures() const {
  return {.pool = engine_.statistics(),
          .databases = engine_.database_statistics(),
          .max_conns_per_database = engine_.in_force().max_conns_per_database,
          .system_database = system_database_,
          .server = monitor_.status().report(runtime::steady_now())};
}

settings::FactsReport App::facts() const {
  settings::FactsReport report = monitor_.status().report(runtime::steady_now());
  report.target = settings::target_of(settings_.in_force().config.postgres);
  report.elsewhere = engine_.retired_connections();
  report.trial = changeover_.report(runtime::steady_now());
  report.mounted = background_.mounted_generation();
  log_.tell(report);
  return report;
}

Snapshot App::snapshot() const {
  Snapshot now;
  const Situation seen = situation();
  now.ready = judge(seen).not_ready.empty();
  now.postgres_usable = postgres_usable();
  now.journal_takes_events = seen.journal && seen.journal->takes_events;
  now.leaving = seen.leaving;
  now.pool = engine_.statistics();
  for (const engine::DatabaseStatistics& database : engine_.database_statistics())
    if (database.name != system_database_) ++now.workspace_databases;
  now.ingest = ingest_.statistics();
  now.log_key = log_.key() != nullptr;
  now.log = log_.figures();
  now.workspace_logs = workspace_logs_.figures();
  if (journal_) now.journal = journal_->statistics();
  now.workspaces = workspaces_.counts();
  now.stalls = recording_->stalls();
  now.http = servers_.figures();
  now.loop_failures = runtime::loop_failures(runtime::steady_now()).failures;
  now.clock_ahead = monitor_.status().clock_ahead();
  now.settings = engine_.in_force();
  now.server_version = monitor_.status().server_version();
  now.encoding = monitor_.status().encoding();
  now.upkeep = background_.figures();
  now.now = runtime::wall_now();
  return now;
}

awaitable<http::Response> App::metrics(App* app) {
  http::Response response;
  response.content_type = runtime::Metrics::kContentType;
  response.body = app->metrics_.expose(app->snapshot());
  co_return response;
}

Situation App::situation() const {
  Situation now;
  now.postgres = monitor_.status().not_ready();
  now.to_mend = monitor_.status().to_mend();
  if (const std::string refusal = changeover_.refusal(); !refusal.empty()) {
    now.to_mend.push_back("what is mounted now is not admitted, and sessions are made as before: " + refusal);
  }
  if (servers_.tls().wanted() && !servers_.tls().refusal().empty()) {
    now.tls = "the certificate that is mounted for the API is not used: " + servers_.tls().refusal();
    now.serves_tls = servers_.tls().serves();
  }
  now.schema_seen = schema_mark_.seen();
  now.leaving = leaving_.told();
  now.left = leaving_.left(runtime::steady_now());
  now.draining = ending_ && ending_->begun();
  if (options_.journal_max_bytes > 0) now.journal = journal_report();
  return now;
}

std::optional<settings::JournalReport> App::journal_report() const {
  if (!journal_) return std::nullopt;
  return report_journal(journal_->statistics(), options_.journal_max_bytes > 0, runtime::wall_now());
}

settings::SettingsReport App::report() const {
  settings::SettingsReport report = make_report(settings_.in_force().config.generation, engine_);
  const settings::Settings& granted = settings_.in_force().settings;
  if (report.settings == predecessor_.leave_room(granted)) report.settings = granted;
  report.closing += predecessor_.connections();
  report.ignored = settings_.in_force().config.ignored;
  const Situation now = situation();
  report.not_ready = judge(now).not_ready;
  report.leaving = now.left && recording_->journalling() == 0;
  report.journal = journal_report();
  return report;
}

void App::follow_predecessor(std::int64_t left) {
  if (!predecessor_.seen(left)) return;
  engine_.reconfigure(predecessor_.leave_room(settings_.in_force().settings));
  if (left > 0) {
    log::warn(
        "connections of the process before this one are still open at PostgreSQL and count in maxOpenConns",
        {{"connections", left}});
  }
}

void App::leave(bool leaving) {
  leaving_.tell(leaving, runtime::steady_now());
  if (!ending_->begun()) servers_.api().close_after_answers(leaving);
}

steady_clock::time_point App::request_deadline() const {
  return runtime::steady_now() + (monitor_.status().reachable() ? kRequestTimeout : kAwayPatience);
}

int App::run() {
  log_in_force("settings in force", settings_.in_force().config.generation, engine_.in_force());
  if (const auto written = settings_.persist(); !written)
    log::warn("the settings in force could not be persisted", {{"detail", written.error()}});
  look_at_log_key();
  start_journal();
  recording_.emplace(event_store_, options_.journal_max_bytes > 0 ? &*backlog_ : nullptr,
                     runtime::system_clock(), recording_options());
  add_routes();
  servers_.api().close_after_answers(leaving_.told());
  if (!servers_.listen()) return 1;
  ending_.emplace(executor_, options_,
                  EndingParts{.api = servers_.api(),
                              .others = servers_.others(),
                              .background = background_,
                              .log = log_,
                              .workspace_logs = workspace_logs_,
                              .monitor = monitor_,
                              .workspaces = workspaces_,
                              .replay = replay_,
                              .ingest = ingest_,
                              .journal = journal_,
                              .engine = engine_},
                  [this] { context_.stop(); });
  monitor_.start(engine_, system_database_, [this] {
    schema_mark_.set();
    runtime::release_startup_code();
  });
  monitor_.watch_sessions([this] { changeover_.admitted(); });
  if (predecessor_.possible())
    monitor_.watch_predecessor([this](std::int64_t left) { follow_predecessor(left); });
  background_.start(executor_);
  start_logs(executor_,
             {log_, workspace_logs_, ingest_, workspaces_, system_database_, *recording_, destinations_});
  runtime::supervise(executor_, "workspaces", [this] { return workspaces_.run(); });
  context_.run();
  return ending_->clean() ? 0 : 1;
}

}  // namespace

int run(const Options& options) {
  auto startup = read_startup(options);
  if (!startup) {
    constexpr int kConfigurationError = 2;
    log::error("the configuration is not usable", {{"detail", startup.error()}});
    return kConfigurationError;
  }
  App app(options, std::move(*startup));
  return app.run();
}

}  // namespace storagepool::service
