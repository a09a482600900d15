# shellcheck shell=bash
# Writes the configuration files of the node's programs to $WORK/config.

write_containerd_config() {
  cat >"$1" <<TOML
version = 2
root = "$WORK/containerd"
state = "$WORK/containerd-state"
# Those that this machine may lack; overlayfs is the one in use.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "$CRI_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  disable_apparmor = true
  # Lowering the score takes CAP_SYS_RESOURCE, which a confined root lacks.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_PLUGINS"
    conf_dir = "$WORK/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
TOML
}

write_cni_config() {
  cat >"$1" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge",
    "bridge": "pods",
    "isGateway": true,
    "hairpinMode": true,
    "ipMasq": false,
    "ipam": {
      "type": "host-local",
      "dataDir": "$WORK/cni",
      "ranges": [[{"subnet": "$PODS", "gateway": "$NODE_ADDRESS"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
JSON
}

write_kubelet_config() {
  cat >"$1" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
containerRuntimeEndpoint: unix://$CRI_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
podLogsDir: $WORK/pod-logs
volumePluginDir: $WORK/volume-plugins
clusterDNS: [$NODE_ADDRESS]
clusterDomain: cluster.local
resolvConf: $WORK/config/resolv.conf
maxPods: 250
serializeImagePulls: false
# A mounted ConfigMap or Secret follows its object within a second.
syncFrequency: 500ms
nodeStatusUpdateFrequency: 1s
# The disk is the machine's own: the cluster neither collects nor evicts for it.
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: 100Mi
  nodefs.available: 0%
  nodefs.inodesFree: 0%
  imagefs.available: 0%
YAML
}

write_proxy_config() {
  cat >"$1" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $PKI/proxy.kubeconfig}
hostnameOverride: $NODE_NAME
clusterCIDR: $PODS
oomScoreAdj: 0
nftables: {masqueradeAll: true, minSyncPeriod: 100ms}
# Zero leaves the kernel's connection tracking as it is.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}

# Names outside the cluster's zone do not exist: the node has no way out.
write_dns_config() {
  cat >"$1" <<COREFILE
cluster.local:53 in-addr.arpa:53 {
  bind $NODE_ADDRESS
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $PKI/dns.kubeconfig
    ttl 1
  }
}
.:53 {
  bind $NODE_ADDRESS
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
COREFILE
}

write_configs() {
  mkdir -p "$WORK/config/cni"
  : >"$WORK/config/resolv.conf"
  write_containerd_config "$WORK/config/containerd.toml"
  write_cni_config "$WORK/config/cni/pods.conflist"
  write_kubelet_config "$WORK/config/kubelet.yaml"
  write_proxy_config "$WORK/config/proxy.yaml"
  write_dns_config "$WORK/config/Corefile"
}
