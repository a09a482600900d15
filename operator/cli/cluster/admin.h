// The administration port of a pod, as who may read the operator's key uses it: each request is signed for
// one pod (operator/pods/signer.h). The key stays in memory, and is in no message.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/cli/cluster/cluster.h"
#include "operator/cli/cluster/port.h"
#include "operator/pods/signer.h"

namespace storagepool::cli {

// Reads the operator's key; the failure names the right that is missing.
Result<std::unique_ptr<pods::Signer>> operator_signer(const Cluster& cluster,
                                                      const std::string& operator_namespace);

class AdminPort {
 public:
  static Result<AdminPort> open(const Cluster& cluster, const pods::Signer& signer,
                                const std::string& name_space, const std::string& pod);

  // The body of an answer of 200; any other is a failure with what the pod says.
  Result<std::string> send(const std::string& method, const std::string& path, const std::string& body = "");

 private:
  AdminPort(const pods::Signer& signer, std::string pod, std::string uid, std::unique_ptr<Port> port);

  const pods::Signer* signer_;
  std::string pod_;
  std::string uid_;
  std::unique_ptr<Port> port_;
};

// What a problem document (RFC 9457) says, else the status.
std::string words_of(const PodAnswer& answer);

}  // namespace storagepool::cli
