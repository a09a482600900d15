// Faults of the node that hack/cluster makes: its processes and network namespaces are this machine's, and
// the scenarios run as root. Programs are found through the folder of $KUBECONFIG and the pods' control
// groups, so that no other cluster on the machine is touched. Errors are thrown as std::runtime_error.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace storagepool::e2e {

// The process of that program in a pod, by the pod's metadata.uid; `program` as in /proc/PID/comm.
pid_t process_in_pod(const std::string& uid, const std::string& program);
pid_t kubelet_process();

// Drops packets in the network namespace of a process, also of connections that there are, until it ends.
class NetworkFault {
 public:
  // What is dropped is said in nftables' words for the hook `output`, such as "tcp dport 8082"; empty: all
  // that comes and goes.
  explicit NetworkFault(pid_t process, const std::string& match = {});
  ~NetworkFault() { end(); }
  NetworkFault(const NetworkFault&) = delete;
  NetworkFault& operator=(const NetworkFault&) = delete;

  void end();

 private:
  pid_t process_;
  bool ended_ = false;
};

}  // namespace storagepool::e2e
