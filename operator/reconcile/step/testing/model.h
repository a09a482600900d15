// The things of the model check of next_step: StoragePools with their pods, and servers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/known_facts.h"

namespace storagepool::reconcile::model {

struct Pod {
  int uid = 0;
  std::int64_t ordinal = 0;
  bool terminating = false;
  bool on_node = false;
  bool running = false;
  bool partitioned = false;
  std::size_t mount = 0;  // version of the ConfigMap that its node has
  Granted applied = {};   // persisted; generation 0: never started
  std::int64_t sockets = 0;
  bool leaving = false;
  sizing::KnownFacts facts = {};

  std::int64_t may_use() const { return running ? std::max(applied.settings.max_open_conns, sockets) : 0; }
};

struct LatePush {
  int uid;
  Granted granted;
};

struct Server {
  std::string name;
  std::int64_t max_connections = 100;
  std::int64_t started_at = 1;
  bool excused = false;  // it shrank, and not all have followed yet
};

struct Pool {
  std::string uid;
  std::size_t server = 0;
  Desired desired;
  std::vector<Granted> config_maps;  // every version ever written
  std::optional<Workload> workload;
  std::int64_t generation = 0, controller_saw = 0, controller_replicas = 0, cached_saw = 0;
  std::vector<Pod> pods, cache;
  std::vector<LatePush> late;
  std::optional<sizing::KnownFacts> facts;
};

}  // namespace storagepool::reconcile::model
