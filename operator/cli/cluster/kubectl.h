// The Cluster that a person's kubectl reaches: $KUBECTL, or kubectl on PATH.
#pragma once

#include <chrono>
#include <string>

#include "operator/cli/cluster/cluster.h"
#include "operator/cli/cluster/process.h"

namespace storagepool::cli {

// What is handed on to every kubectl.
struct Access {
  std::string context;     // empty: the kubeconfig's
  std::string kubeconfig;  // empty: kubectl's own rules
  std::chrono::milliseconds request_timeout{10'000};
};

class Kubectl : public Cluster {
 public:
  // `program`: a name or a path.
  Kubectl(std::string program, Access access);

  Result<std::string> run(const Words& words, std::string_view input = {}) const override;
  Result<std::unique_ptr<Port>> open_port(const std::string& name_space, const std::string& target, int port,
                                          const std::optional<Tls>& tls = {}) const override;
  // The whole command of `kubectl WORDS`.
  Words command(const Words& words) const;

 private:
  std::string program_;
  Access access_;
};

// What went wrong, in one line with what was asked; kubectl's own words at their end.
Failure describe(const Words& words, const Finished& finished, const std::string& program);

}  // namespace storagepool::cli
