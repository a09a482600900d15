#include "e2e/chaos/faults.h"

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "e2e/chaos/breakage.h"
#include "e2e/chaos/clocks.h"
#include "e2e/chaos/standby.h"
#include "e2e/support/delayed_network.h"
#include "e2e/support/kubectl.h"
#include "e2e/support/node.h"
#include "e2e/support/node_power.h"
#include "e2e/support/objects.h"
#include "e2e/support/poll.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

constexpr auto kDelay = 100ms;
constexpr auto kStep = 90min;  // more than events may be ahead of the clock that judges them

std::string next_password(unsigned seed) {
  return "next-word-of-the-scenario-" + std::to_string(seed);
}

void send(pid_t process, int signal) {
  if (::kill(process, signal) != 0) throw std::system_error(errno, std::generic_category(), "kill");
}

void rotate_password(const Postgres& postgres, const std::string& password) {
  postgres.superuser("alter role " + std::string(kRole) + " password '" + password + "'");
  postgres.superuser("select pg_terminate_backend(pid) from pg_stat_activity where usename = '" +
                     std::string(kRole) + "'");
}

void tell_pods(const std::string& name_space, const std::string& password) {
  const auto told = eventually(60s, [&]() -> std::string {
    const Result done = kubectl({"-n", name_space, "patch", "secret", kCredentials, "--type=merge", "-p",
                                 nlohmann::json{{"stringData", {{"password", password}}}}.dump()});
    return done.ok() ? "" : done.err;
  });
  if (!told) throw std::runtime_error(told.message());
}

// Of the server's pod.
std::string postgres_address(const Targets& targets) {
  return list_objects(targets.name_space, "pods", "app.kubernetes.io/name=postgres")
      .at(0)
      .at("status")
      .at("podIP");
}

using Make = std::function<Fault(const std::string&, const Targets&)>;

Fault signalled_server(const std::string& name, const std::string& title, const Targets& targets,
                       int signal) {
  return {.name = name, .title = title, .begin = [servers = servers_of(targets), signal] {
            send(servers().at(0), signal);
          }};
}

constexpr const char* kRefuse = "tcp dport 5432 reject with tcp reset";

// Pods that have only their journals now, and something in them, unless another fault has all refused.
std::shared_ptr<Networks> refused(const Targets& targets) {
  auto refusing = networks(targets.processes, kRefuse)();
  static_cast<void>(reaches(targets, "storagepool_journal_waiting_events", 1, 5s));
  return refusing;
}

using Volumes = std::vector<std::unique_ptr<FullVolume>>;

std::shared_ptr<Volumes> full_journals(const Targets& targets) {
  auto full = std::make_shared<Volumes>();
  for (const pid_t process : targets.processes)
    full->push_back(
        std::make_unique<FullVolume>("/proc/" + std::to_string(process) + "/root/var/lib/storagepool"));
  return full;
}

// There is room again while the journal is yet all that they have.
Fault full_journals_alone(const std::string& name, const Targets& targets) {
  struct State {
    std::shared_ptr<Networks> refusing;
    std::shared_ptr<Volumes> full;
  };
  auto state = std::make_shared<State>();
  return {.name = name,
          .title = "PostgreSQL refuses connections, and then the journals' volumes are full",
          .begin =
              [state, targets] {
                state->refusing = refused(targets);
                state->full = full_journals(targets);
              },
          .end =
              [state, targets] {
                state->full.reset();
                const auto again = reaches(targets, "storagepool_journal_durable", 1, 60s);
                if (!again) throw std::runtime_error(again.message());
                state->refusing.reset();
              },
          .refusal = 503};
}

Fault node_restarted(const std::string& name, const Targets& targets) {
  struct State {
    std::shared_ptr<Networks> refusing;
    std::unique_ptr<NodeWithoutPower> off;
  };
  auto state = std::make_shared<State>();
  return {.name = name,
          .title = "A node loses its power, with kubelet, all containers and events in the journals",
          .begin =
              [state, targets] {
                state->refusing = refused(targets);
                state->off = std::make_unique<NodeWithoutPower>();
              },
          .end =
              [state] {
                state->off.reset();
                state->refusing.reset();
              },
          .missing = [space = targets.name_space, pod = targets.pods.at(0)]() -> std::string {
            const auto status = get_object(space, "pod", pod).at("status").at("containerStatuses").at(0);
            return status.value("restartCount", 0) > 0 ? "" : status.dump();
          }};
}

Fault delayed(const std::string& name, const Targets& targets) {
  using Delays = std::vector<std::unique_ptr<DelayedNetwork>>;
  auto delays = std::make_shared<Delays>();
  const auto delay = [delays](pid_t process, const std::string& to) {
    delays->push_back(std::make_unique<DelayedNetwork>(process, to, kDelay));
  };
  return {
      .name = name,
      .title = "Network from pods to PostgreSQL and from the operator to the API server takes 100 ms longer",
      .begin =
          [delay, pods = targets.processes, postgres = postgres_address(targets),
           operators = operator_processes(),
           api =
               get_object("default", "service", "kubernetes").at("spec").at("clusterIP").get<std::string>()] {
            for (const pid_t process : pods) delay(process, postgres);
            for (const pid_t process : operators) delay(process, api);
          },
      .end =
          [delays] {
            for (const auto& one : *delays) {
              if (one->carried() == 0) throw std::runtime_error("nothing was delayed");
            }
            delays->clear();
          }};
}

const std::vector<std::pair<std::string, Make>>& table() {
  static const std::vector<std::pair<std::string, Make>> kFaults{
      {"postgres-killed",
       [](const std::string& name, const Targets& targets) {
         return signalled_server(name, "PostgreSQL killed (SIGKILL)", targets, SIGKILL);
       }},
      {"postgres-restarted",
       [](const std::string& name, const Targets& targets) {
         return signalled_server(name, "PostgreSQL restarted (fast shutdown)", targets, SIGINT);
       }},
      {"postgres-paused",
       [](const std::string& name, const Targets& targets) {
         return lasting<Stopped>(
             name, "PostgreSQL paused (SIGSTOP of all its processes)",
             [servers = servers_of(targets)] { return std::make_shared<Stopped>(servers); });
       }},
      {"postgres-slow",
       [](const std::string& name, const Targets& targets) {
         return going_on(name, "PostgreSQL slow: runs a tenth of the time", slowed(servers_of(targets)));
       }},
      {"postgres-refusing",
       [](const std::string& name, const Targets& targets) {
         return lasting<Networks>(name, "PostgreSQL refuses connections and resets those that there are",
                                  networks(targets.processes, kRefuse));
       }},
      {"postgres-disk-full",
       [](const std::string& name, const Targets& targets) {
         return lasting<FullVolume>(name, "PostgreSQL's volume full", [uid = targets.postgres_uid] {
           return std::make_shared<FullVolume>(memory_volume(uid, "data"));
         });
       }},
      {"postgres-failover",
       [](const std::string& name, const Targets& targets) {
         // Made now, before any fault begins.
         auto standby = std::make_shared<Standby>(targets.postgres, targets.name_space);
         auto hung = std::make_shared<std::shared_ptr<Stopped>>();
         return Fault{
             .name = name,
             .title = "PostgreSQL hangs; then a synchronous standby is promoted in its place",
             .begin = [hung, servers = servers_of(targets)] { *hung = std::make_shared<Stopped>(servers); },
             .end =
                 [hung, standby, servers = servers_of(targets)] {
                   standby->take_over([&] {
                     for (const pid_t process : servers()) ::kill(process, SIGKILL);
                     hung->reset();
                   });
                 }};
       }},
      {"password-rotated",
       [](const std::string& name, const Targets& targets) {
         const std::string password = next_password(targets.seed);
         return Fault{
             .name = name,
             .title = "Password changed in PostgreSQL and sessions ended; the Secret follows later",
             .begin = [&postgres = targets.postgres, password] { rotate_password(postgres, password); },
             .end = [space = targets.name_space, password] { tell_pods(space, password); }};
       }},
      {"pod-killed",
       [](const std::string& name, const Targets& targets) {
         return Fault{.name = name,
                      .title = "A pod killed (SIGKILL)",
                      .begin = [process = targets.processes.at(0)] { send(process, SIGKILL); },
                      .missing = ended(targets, "Error")};
       }},
      {"pod-out-of-memory",
       [](const std::string& name, const Targets& targets) {
         Fault fault = going_on(
             name, "A pod killed for its memory (OOM)",
             [process = targets.processes.at(0)](const std::stop_token& stop) { press(process, stop); });
         fault.missing = ended(targets, "OOMKilled");
         return fault;
       }},
      {"pod-paused",
       [](const std::string& name, const Targets& targets) {
         return lasting<Stopped>(name, "A pod paused (SIGSTOP)", [process = targets.processes.at(0)] {
           return std::make_shared<Stopped>([process] { return std::vector{process}; });
         });
       }},
      {"journal-full",
       [](const std::string& name, const Targets& targets) {
         return lasting<Volumes>(name, "The journals' volumes full",
                                 [targets] { return full_journals(targets); });
       }},
      {"journal-full-alone", full_journals_alone},
      {"node-restarted", node_restarted},
      {"clock-forward",
       [](const std::string& name, const Targets& targets) { return clock_of_pods(name, targets, kStep); }},
      {"clock-back",
       [](const std::string& name, const Targets& targets) {
         Fault fault = clock_of_pods(name, targets, -kStep);
         fault.refusal = 401;  // tokens are of the future
         return fault;
       }},
      {"clock-back-open",
       [](const std::string& name, const Targets& targets) {
         Fault fault = clock_of_pods(name, targets, -kStep);
         fault.title += "; nobody needs a token";
         return fault;
       }},
      {"clock-operator-forward",
       [](const std::string& name, const Targets&) { return clock_of_operator(name, kStep); }},
      {"clock-operator-back",
       [](const std::string& name, const Targets&) { return clock_of_operator(name, -kStep); }},
      {"clock-postgres-forward",
       [](const std::string& name, const Targets& targets) {
         return clock_of_postgres(name, targets, kStep);
       }},
      {"clock-postgres-back",
       [](const std::string& name, const Targets& targets) {
         Fault fault = clock_of_postgres(name, targets, -kStep);
         fault.refusal = 400;  // PostgreSQL's judges events, which are of its future
         return fault;
       }},
      {"api-server-away",
       [](const std::string& name, const Targets&) {
         Fault fault = lasting<Stopped>(
             name, "API server away for a minute (SIGSTOP)", [process = node_process("kube-apiserver")] {
               return std::make_shared<Stopped>([process] { return std::vector{process}; });
             });
         fault.hold = 60s;
         return fault;
       }},
      {"etcd-slow",
       [](const std::string& name, const Targets&) {
         return going_on(name, "etcd slow: runs a tenth of the time",
                         slowed([process = node_process("etcd")] { return std::vector{process}; }));
       }},
      {"operator-killed",
       [](const std::string& name, const Targets& targets) {
         return going_on(
             name, "The operator killed at random moments",
             [seed = targets.seed](const std::stop_token& stop) { kill_operator_now_and_then(stop, seed); });
       }},
      {"network-cut",
       [](const std::string& name, const Targets& targets) {
         return lasting<Networks>(name, "Network cut between a pod and PostgreSQL",
                                  networks({targets.processes.at(0)}, "tcp dport 5432 drop"));
       }},
      {"network-lossy",
       [](const std::string& name, const Targets& targets) {
         return lasting<Networks>(
             name, "Network drops 10 % between pods and PostgreSQL",
             networks(targets.processes, "tcp dport 5432 numgen random mod 10 == 0 drop"));
       }},
      {"network-duplicating",
       [](const std::string& name, const Targets& targets) {
         const std::string to = postgres_address(targets);
         return lasting<Networks>(
             name, "Network from pods to PostgreSQL brings each packet twice",
             networks(targets.processes, "ip daddr " + to + " tcp dport 5432 dup to " + to));
       }},
      {"network-delayed", delayed},
      {"network-narrow", [](const std::string& name, const Targets& targets) {
         return lasting<NarrowNetwork>(
             name, "Network from PostgreSQL delays: 500 kbit/s with a queue of 300 ms",
             [servers = servers_of(targets)] { return std::make_shared<NarrowNetwork>(servers().at(0)); });
       }}};
  return kFaults;
}

}  // namespace

std::vector<std::string> fault_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : table()) names.push_back(name);
  return names;
}

Fault make_fault(const std::string& name, const Targets& targets) {
  for (const auto& [known, make] : table()) {
    if (known == name) return make(name, targets);
  }
  throw std::out_of_range("no fault '" + name + "'");
}

nlohmann::json spec_for(const std::string& name) {
  if (name == "clock-back-open") return {{"auth", {{"mode", "None"}}}};
  return nlohmann::json::object();
}

std::string kind_of(const std::string& name) {
  return name.substr(0, name.find('-'));
}

void in_order(std::vector<Fault>& faults) {
  std::ranges::stable_sort(faults, {}, [](const Fault& fault) {
    const std::string kind = kind_of(fault.name);
    if (fault.name == "api-server-away") return 4;
    if (kind == "node") return 3;
    if (fault.name == "password-rotated") return 0;
    return kind == "network" || kind == "journal" || kind == "clock" ? 1 : 2;
  });
  const auto is_of = [](const std::string& kind) {
    return [kind](const Fault& fault) { return kind_of(fault.name) == kind; };
  };
  if (std::ranges::none_of(faults, is_of("node"))) return;
  for (Fault& fault : faults | std::views::filter(is_of("pod"))) fault.missing = {};
}

}  // namespace storagepool::e2e
