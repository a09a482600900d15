#include "pool/service/routes/admin.h"

#include <memory>
#include <optional>
#include <utility>

#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/journal.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::ProblemKind;
using http::Request;
using http::Response;

Response invalid_settings(const settings::Problems& problems, const Request& request) {
  std::vector<http::FieldError> fields;
  for (const settings::Problem& found : problems) fields.push_back({found.key, found.message});
  return http::problem(ProblemKind::kValidationError, settings::to_string(problems), request.path, fields);
}

Response refused(const Refusal& refusal, const Request& request) {
  switch (refusal.reason) {
    case Refusal::Reason::kInvalid:
      return invalid_settings(refusal.problems, request);
    case Refusal::Reason::kStale:
    case Refusal::Reason::kConflict:
      return http::problem(ProblemKind::kConflict, refusal.detail, request.path);
    case Refusal::Reason::kNotPersisted:
      break;
  }
  return http::problem(ProblemKind::kInternal, "the settings could not be persisted: " + refusal.detail,
                       request.path);
}

struct Admin {
  AdminContext context;
  http::Router router;

  Response report() const { return json(200, settings::to_json(context.report())); }

  awaitable<Response> get_settings(Request&) const { co_return report(); }
  awaitable<Response> get_facts(Request&) const { co_return json(200, settings::to_json(context.facts())); }
  awaitable<Response> put_settings(Request& request) const {
    const auto change = settings::parse_settings_change(request.body);
    if (!change) co_return invalid_settings(change.error(), request);
    const auto changed =
        context.settings.change(change->generation, change->settings, "the change", change->ignored);
    if (!changed) co_return refused(changed.error(), request);
    co_return report();
  }
  awaitable<Response> put_leaving(Request& request) const {
    const auto change = settings::parse_leaving_change(request.body);
    if (!change) co_return invalid_settings(change.error(), request);
    context.leave(change->leaving);
    co_return report();
  }

  awaitable<Response> put_log(Request& request) const {
    auto floor = settings::parse_log_floor(request.body);
    if (!floor) co_return invalid_settings(floor.error(), request);
    const auto report = co_await context.log(*std::move(floor));
    if (!report) co_return http::problem(ProblemKind::kConflict, report.error(), request.path);
    co_return json(200, settings::to_json(*report));
  }

  awaitable<Response> serve(Request& request) {
    if (!auth::is_body_of_token(request)) {
      context.on_refused(auth::Refusal::kInvalidToken);
      co_return auth::refused(request, auth::Refusal::kInvalidToken);
    }
    Response response = co_await router.handle(request);
    co_return response;
  }
};

}  // namespace

settings::SettingsReport make_report(std::int64_t generation, const engine::Engine& engine) {
  const engine::Statistics statistics = engine.statistics();
  settings::SettingsReport report;
  report.applied_generation = generation;
  report.settings = engine.in_force();
  report.open = statistics.open;
  report.opening = statistics.opening;
  report.closing = statistics.closing;
  report.in_use = statistics.in_use;
  report.idle = statistics.idle;
  report.waiting = statistics.waiting;
  report.wait_count = statistics.wait_count;
  report.open_high_water = statistics.open_high_water;
  return report;
}

http::Gate make_admin_gate(const AdminContext& context) {
  return [&requests = context.operator_requests,
          on_refused = context.on_refused](Request& head) -> std::optional<Response> {
    const auto checked = requests.check_head(head, runtime::steady_now(), runtime::wall_now());
    if (checked) return std::nullopt;
    on_refused(checked.error());
    return auth::refused(head, checked.error());
  };
}

http::Handler make_admin_handler(AdminContext context) {
  const auto admin = std::make_shared<Admin>(Admin{std::move(context), {}});
  const Admin* routes = admin.get();  // the router belongs to the object its handlers call
  admin->router.add("GET", "/admin/settings", [routes](Request& r) { return routes->get_settings(r); });
  admin->router.add("PUT", "/admin/settings", [routes](Request& r) { return routes->put_settings(r); });
  admin->router.add("PUT", "/admin/leaving", [routes](Request& r) { return routes->put_leaving(r); });
  admin->router.add("PUT", "/admin/log", [routes](Request& r) { return routes->put_log(r); });
  admin->router.add("GET", "/admin/facts", [routes](Request& r) { return routes->get_facts(r); });
  add_journal_routes(admin->router, admin->context.journal);
  return [admin](Request& request) { return admin->serve(request); };
}

}  // namespace storagepool::service
