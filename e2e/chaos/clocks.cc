#include "e2e/chaos/clocks.h"

#include <signal.h>

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "e2e/chaos/breakage.h"
#include "e2e/support/kubectl.h"
#include "e2e/support/poll.h"
#include "e2e/support/stepped_clock.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

std::time_t parsed(const std::string& text, const char* format) {
  std::tm utc{};
  if (::strptime(text.c_str(), format, &utc) == nullptr) throw std::runtime_error("not a time: " + text);
  return ::timegm(&utc);
}

// `tells` is what the first of the processes takes for the time, as it is seen from outside; none when it has
// ended.
Fault stepped(const std::string& name, const std::string& whose, Processes processes,
              std::chrono::minutes step, std::function<std::optional<std::time_t>()> tells) {
  Fault fault = lasting<SteppedClock>(
      name,
      "The clock of " + whose + " stepped " + (step > 0min ? "forward" : "back") + " by " +
          std::to_string(std::chrono::abs(step).count()) + " minutes, and at the end right again",
      [processes = std::move(processes), step] { return std::make_shared<SteppedClock>(processes, step); });
  fault.begin = [begin = fault.begin, step, tells = std::move(tells)] {
    begin();
    const auto is_so = eventually(20s, [&]() -> std::string {
      const auto told = tells();
      if (!told) return "";
      const std::chrono::seconds ahead{*told - std::time(nullptr)};
      return std::chrono::abs(ahead - step) < 1min ? "" : "ahead by " + std::to_string(ahead.count()) + " s";
    });
    if (!is_so) throw std::runtime_error(is_so.message());
  };
  return fault;
}

}  // namespace

Fault clock_of_pods(const std::string& name, const Targets& targets, std::chrono::minutes step) {
  return stepped(
      name, "the pods", [processes = targets.processes] { return processes; }, step,
      [space = targets.name_space, pod = targets.pods.at(0),
       process = targets.processes.at(0)]() -> std::optional<std::time_t> {
        // Another has its name since where the user has the pods replaced.
        if (::kill(process, 0) != 0) return std::nullopt;
        return parsed(metrics_of(space, pod).date, "%a, %d %b %Y %H:%M:%S GMT");
      });
}

Fault clock_of_operator(const std::string& name, std::chrono::minutes step) {
  return stepped(
      name, "the operator", [processes = operator_processes()] { return processes; }, step,
      []() -> std::optional<std::time_t> {
        const auto lease = kubectl_json({"-n", operator_namespace(), "get", "lease", "storagepool-operator"});
        return parsed(lease.at("spec").at("renewTime"), "%Y-%m-%dT%H:%M:%S");
      });
}

Fault clock_of_postgres(const std::string& name, const Targets& targets, std::chrono::minutes step) {
  return stepped(name, "PostgreSQL", servers_of(targets), step,
                 [&postgres = targets.postgres]() -> std::optional<std::time_t> {
                   return static_cast<std::time_t>(std::stoll(
                       postgres.superuser("select extract(epoch from clock_timestamp())::bigint").at(0)));
                 });
}

}  // namespace storagepool::e2e
