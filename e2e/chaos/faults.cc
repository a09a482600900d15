#include "e2e/chaos/faults.h"

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "e2e/chaos/standby.h"
#include "e2e/support/kubectl.h"
#include "e2e/support/node.h"
#include "e2e/support/objects.h"
#include "e2e/support/poll.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;

std::string next_password(unsigned seed) {
  return "next-word-of-the-scenario-" + std::to_string(seed);
}

void send(pid_t process, int signal) {
  if (::kill(process, signal) != 0) throw std::system_error(errno, std::generic_category(), "kill");
}

using Processes = std::function<std::vector<pid_t>()>;

// Stops processes until it ends; those that have gone meanwhile are let go.
class Stopped {
 public:
  explicit Stopped(Processes processes) : processes_(std::move(processes)) {
    for (const pid_t process : processes_()) ::kill(process, SIGSTOP);
    for (const pid_t process : processes_()) ::kill(process, SIGSTOP);  // and those born meanwhile
  }
  ~Stopped() {
    for (const pid_t process : processes_()) ::kill(process, SIGCONT);
  }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  Processes processes_;
};

// A fault that is there from its making to its end.
template <typename State>
Fault lasting(std::string name, std::string title, std::function<std::shared_ptr<State>()> make) {
  auto state = std::make_shared<std::shared_ptr<State>>();
  return {.name = std::move(name),
          .title = std::move(title),
          .begin = [state, make = std::move(make)] { *state = make(); },
          .end = [state] { state->reset(); }};
}

// A fault that something goes on doing in a thread until it ends.
Fault going_on(std::string name, std::string title, std::function<void(const std::stop_token&)> what) {
  return lasting<std::jthread>(std::move(name), std::move(title),
                               [what = std::move(what)] { return std::make_shared<std::jthread>(what); });
}

// Runs a tenth of the time.
std::function<void(const std::stop_token&)> slowed(Processes processes) {
  return [processes = std::move(processes)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        const Stopped stopped(processes);
        std::this_thread::sleep_for(90ms);
      }
      std::this_thread::sleep_for(10ms);
    }
  };
}

// Of each pod's network.
std::function<std::shared_ptr<std::vector<std::unique_ptr<NetworkFault>>>()> networks(
    std::vector<pid_t> processes, std::string rule) {
  return [processes = std::move(processes), rule = std::move(rule)] {
    auto faults = std::make_shared<std::vector<std::unique_ptr<NetworkFault>>>();
    for (const pid_t process : processes) faults->push_back(std::make_unique<NetworkFault>(process, rule));
    return faults;
  };
}

// The container of a pod has ended for that reason, and was started again.
std::function<std::string()> ended(const Targets& targets, const std::string& reason) {
  return [space = targets.name_space, pod = targets.pods.at(0), reason]() -> std::string {
    const auto statuses = get_object(space, "pod", pod).at("status").at("containerStatuses");
    const auto last = statuses.at(0).value("lastState", nlohmann::json::object());
    const auto ending = last.value("terminated", nlohmann::json::object());
    return ending.value("reason", "") == reason ? "" : statuses.dump();
  };
}

// More than is free, so that the volume is full to the last byte.
class FullVolume {
 public:
  explicit FullVolume(const std::string& folder) : file_(folder + "/filler") {
    std::ofstream out(file_, std::ios::binary);
    const std::string block(65536, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  ~FullVolume() {
    std::error_code gone;
    std::filesystem::remove(file_, gone);
  }
  FullVolume(const FullVolume&) = delete;
  FullVolume& operator=(const FullVolume&) = delete;

 private:
  std::string file_;
};

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

// Allows it the least that the kernel can press its memory into, again and again: what it has in use at one
// moment it may not need at the next.
void press(pid_t process, const std::stop_token& stop) {
  const std::filesystem::path group = memory_group(process);
  constexpr long long kStep = 256LL * 1024;
  while (!stop.stop_requested() && std::filesystem::exists(group)) {
    long long used = 0;
    std::ifstream(group / "memory.usage_in_bytes") >> used;
    for (long long limit = kStep; limit <= used + kStep; limit += kStep) {
      std::ofstream file(group / "memory.limit_in_bytes");
      if (file << limit << std::flush) break;
    }
    std::this_thread::sleep_for(200ms);
  }
}

void kill_now_and_then(const std::stop_token& stop, unsigned seed) {
  std::mt19937 random(seed);
  while (!stop.stop_requested()) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{200 + random() % 3000};
    while (std::chrono::steady_clock::now() < until && !stop.stop_requested())
      std::this_thread::sleep_for(20ms);
    try {
      for (const auto& pod :
           list_objects(operator_namespace(), "pods", "app.kubernetes.io/name=storagepool-operator")) {
        for (const pid_t process : processes_in_pod(pod.at("metadata").at("uid"), "storagepool-ope"))
          ::kill(process, SIGKILL);
      }
    } catch (const std::exception&) {
      continue;  // the API server is away as well
    }
  }
}

using Make = std::function<Fault(const std::string&, const Targets&)>;

Processes servers_of(const Targets& targets) {
  return [uid = targets.postgres_uid] { return processes_in_pod(uid, "postgres"); };
}

Fault signalled_server(const std::string& name, const std::string& title, const Targets& targets,
                       int signal) {
  return {.name = name, .title = title, .begin = [servers = servers_of(targets), signal] {
            send(servers().at(0), signal);
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
         return lasting<std::vector<std::unique_ptr<NetworkFault>>>(
             name, "PostgreSQL refuses connections and resets those that there are",
             networks(targets.processes, "tcp dport 5432 reject with tcp reset"));
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
             [seed = targets.seed](const std::stop_token& stop) { kill_now_and_then(stop, seed); });
       }},
      {"network-cut",
       [](const std::string& name, const Targets& targets) {
         return lasting<std::vector<std::unique_ptr<NetworkFault>>>(
             name, "Network cut between a pod and PostgreSQL",
             networks({targets.processes.at(0)}, "tcp dport 5432 drop"));
       }},
      {"network-lossy",
       [](const std::string& name, const Targets& targets) {
         return lasting<std::vector<std::unique_ptr<NetworkFault>>>(
             name, "Network drops 10 % between pods and PostgreSQL",
             networks(targets.processes, "tcp dport 5432 numgen random mod 10 == 0 drop"));
       }},
      {"network-duplicating",
       [](const std::string& name, const Targets& targets) {
         const std::string to = list_objects(targets.name_space, "pods", "app.kubernetes.io/name=postgres")
                                    .at(0)
                                    .at("status")
                                    .at("podIP");
         return lasting<std::vector<std::unique_ptr<NetworkFault>>>(
             name, "Network from pods to PostgreSQL brings each packet twice",
             networks(targets.processes, "ip daddr " + to + " tcp dport 5432 dup to " + to));
       }},
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

std::string kind_of(const std::string& name) {
  return name.substr(0, name.find('-'));
}

void in_order(std::vector<Fault>& faults) {
  std::ranges::stable_sort(faults, {}, [](const Fault& fault) {
    if (fault.name == "api-server-away") return 3;
    if (fault.name == "password-rotated") return 0;
    return kind_of(fault.name) == "network" ? 1 : 2;
  });
}

}  // namespace storagepool::e2e
