// Faults of the node that hack/cluster makes: its processes and network namespaces are this machine's, and
// the scenarios run as root. Programs are found through the folder of $KUBECONFIG and the pods' control
// groups, so that no other cluster on the machine is touched. Errors are thrown as std::runtime_error.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace storagepool::e2e {

// What is in a file of proc(5); of a process that ends meanwhile what has been read until then.
std::string contents_of(const std::filesystem::path& file);
// The process of that program in a pod, by the pod's metadata.uid; `program` as in /proc/PID/comm.
pid_t process_in_pod(const std::string& uid, const std::string& program);
// All of them, the oldest first; empty: there is none.
std::vector<pid_t> processes_in_pod(const std::string& uid, const std::string& program);
// A program of the cluster itself: kubelet, kube-apiserver, etcd.
pid_t node_process(const std::string& program);
// All processes of the cluster's containers, and of the shims that hold them.
std::vector<pid_t> container_processes();
// A folder of this machine that is a pod's volume of memory; `volume` as in its spec.
std::string memory_volume(const std::string& uid, const std::string& volume);
// The control group of a process's memory (cgroup v1): its folder.
std::string memory_group(pid_t process);

// The network namespace of a process, held, so that it can be entered also when the process has ended.
class NetworkSpace {
 public:
  explicit NetworkSpace(pid_t process);
  ~NetworkSpace();
  NetworkSpace(const NetworkSpace&) = delete;
  NetworkSpace& operator=(const NetworkSpace&) = delete;

  // Brings the calling thread into it.
  bool enter() const;
  // The command, in it.
  std::vector<std::string> inside(std::vector<std::string> command) const;

 private:
  int fd_;
};

// Makes the network of a process's network namespace, that of the cluster's addresses (IPv4), faulty, also
// for connections that there are, until it ends.
class NetworkFault {
 public:
  // What packets that are sent meet is said in nftables' words for the hook `output`, such as
  // "tcp dport 8082 drop"; empty: all that comes and goes is dropped.
  explicit NetworkFault(pid_t process, const std::string& rule = {});
  ~NetworkFault() { end(); }
  NetworkFault(const NetworkFault&) = delete;
  NetworkFault& operator=(const NetworkFault&) = delete;

  void end();

 private:
  NetworkSpace space_;
  std::string table_;
  bool ended_ = false;
};

// All that the network namespace of a process sends goes through so narrow a line that it queues, until it
// ends.
class NarrowNetwork {
 public:
  explicit NarrowNetwork(pid_t process);
  ~NarrowNetwork() { end(); }
  NarrowNetwork(const NarrowNetwork&) = delete;
  NarrowNetwork& operator=(const NarrowNetwork&) = delete;

  void end();

 private:
  NetworkSpace space_;
  bool ended_ = false;
};

}  // namespace storagepool::e2e
