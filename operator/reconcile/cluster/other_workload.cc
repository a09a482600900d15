#include "operator/reconcile/cluster/other_workload.h"

#include <algorithm>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/view/departed.h"
#include "operator/reconcile/step/server_name.h"
#include "operator/render/fields.h"
#include "pool/common/json/json.h"
#include "pool/common/settings/settings.h"

namespace storagepool::reconcile {
namespace {

using json::integer_at;
using json::member;

// Kubernetes' own.
constexpr std::int64_t kDefaultGrace = 30;
constexpr std::int64_t kDefaultSurge = 25;  // per cent
constexpr std::int64_t kLastPort = 65'535;
constexpr std::size_t kMostShown = 100;

// Null: there is none.
const Json& annotation(const Json& workload, std::string_view name) {
  return member(member(member(workload, "metadata"), "annotations"), name);
}

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t most) {
  const auto number = json::parse_integer(text);
  return number && *number >= 1 && *number <= most ? number : std::nullopt;
}

std::optional<settings::PostgresTarget> parse_server(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = whole_number(text.substr(colon + 1), kLastPort);
  if (!port || !render::accepts_host(host)) return std::nullopt;
  settings::PostgresTarget target;
  target.host = host;
  target.port = static_cast<std::uint16_t>(*port);
  return target;
}

std::string problem(std::string_view name, const Json& value, const std::string& allowed) {
  std::string got = "it is missing";
  if (!value.is_null()) {
    const std::string text = json::text_of(value);
    const bool is_short = text.size() <= kMostShown;
    got = "got " + (is_short ? "\"" + text + "\"" : std::to_string(text.size()) + " characters");
  }
  return std::string(name) + ": " + got + "; allowed: " + allowed;
}

// Of a Deployment that rolls out: "25%" or 3; so many pods more than are asked for.
std::int64_t surge(const Json& workload, std::int64_t wanted) {
  if (json::text_at(workload, "/spec/strategy/type") == "Recreate" || wanted == 0) return 0;
  const Json& most = json::at(workload, "/spec/strategy/rollingUpdate/maxSurge");
  if (most.is_number_integer()) return std::max<std::int64_t>(most.get<std::int64_t>(), 0);
  std::int64_t per_cent = kDefaultSurge;
  if (std::string text = json::text_of(most); text.ends_with('%')) {
    text.pop_back();
    per_cent = whole_number(text, 1000).value_or(0);
  }
  return (wanted * per_cent + 99) / 100;
}

}  // namespace

bool declares(const Json& workload) {
  return !annotation(workload, kServerAnnotation).is_null() ||
         !annotation(workload, kConnectionsAnnotation).is_null();
}

tl::expected<Declaration, render::FieldProblems> read_declaration(const Json& workload) {
  render::FieldProblems problems;
  const Json& told_server = annotation(workload, kServerAnnotation);
  const Json& told_number = annotation(workload, kConnectionsAnnotation);
  const auto server = parse_server(json::text_of(told_server));
  if (!server) {
    problems.push_back(problem(kServerAnnotation, told_server,
                               "HOST:PORT, a DNS name or an IP address and a port from 1 to " +
                                   std::to_string(kLastPort) + ", as in db.team:5432"));
  }
  const std::int64_t most = settings::find("maxOpenConns")->maximum;
  const auto per_pod = whole_number(json::text_of(told_number), most);
  if (!per_pod) {
    problems.push_back(problem(kConnectionsAnnotation, told_number,
                               "a whole number from 1 to " + std::to_string(most) + ", in quotes"));
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return Declaration{.server = server_name(*server, render::identity_of(workload)), .per_pod = *per_pod};
}

std::int64_t pods_that_may_exist(const Json& workload, std::int64_t max_replicas) {
  const auto count = [&](const char* pointer, std::int64_t fallback) {
    return std::clamp<std::int64_t>(integer_at(workload, pointer, fallback), 0, INT32_MAX);
  };
  const std::int64_t wanted = std::max(count("/spec/replicas", 1), max_replicas);
  const bool is_deployment = !json::at(workload, "/spec/strategy").is_null();
  const std::int64_t at_most = wanted + (is_deployment ? surge(workload, wanted) : 0);
  return std::max(at_most, count("/status/replicas", 0)) + count("/status/terminatingReplicas", 0);
}

std::chrono::seconds time_to_end(const Json& workload) {
  const std::int64_t grace =
      integer_at(workload, "/spec/template/spec/terminationGracePeriodSeconds", kDefaultGrace);
  return std::chrono::seconds(std::clamp<std::int64_t>(grace, 0, INT32_MAX)) + Departed::kLetGo;
}

}  // namespace storagepool::reconcile
