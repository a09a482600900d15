# shellcheck shell=bash disable=SC2034,SC2054
# The command lines of the node's programs. Each binds the node's own addresses
# only, which exist in its network namespace.

NODE_NAME=storagepool-node
CNI_PLUGINS=/usr/lib/cni

node_settings() {
  PKI=$WORK/pki
  CRI_SOCKET=$WORK/containerd.sock

  ETCD=(
    "$BIN/etcd" --name=node --data-dir="$WORK/etcd" --unsafe-no-fsync
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379
    --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380
    --initial-cluster=node=http://127.0.0.1:2380
  )

  CONTAINERD=(containerd --config "$WORK/config/containerd.toml")

  APISERVER=(
    "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379
    --advertise-address="$NODE_ADDRESS" --secure-port=6443 --service-cluster-ip-range="$SERVICES"
    --client-ca-file="$PKI/ca.crt"
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key"
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
    --service-account-signing-key-file="$PKI/service-account.key"
    --service-account-key-file="$PKI/service-account.pub"
    --kubelet-client-certificate="$PKI/apiserver-kubelet-client.crt"
    --kubelet-client-key="$PKI/apiserver-kubelet-client.key"
    --kubelet-certificate-authority="$PKI/ca.crt"
    --kubelet-preferred-address-types=InternalIP
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt"
    --requestheader-allowed-names=front-proxy-client
    --requestheader-extra-headers-prefix=X-Remote-Extra-
    --requestheader-group-headers=X-Remote-Group --requestheader-username-headers=X-Remote-User
    --proxy-client-cert-file="$PKI/front-proxy-client.crt"
    --proxy-client-key-file="$PKI/front-proxy-client.key"
    --enable-aggregator-routing=true --authorization-mode=Node,RBAC
    --enable-admission-plugins=NodeRestriction --allow-privileged=true
  )

  CONTROLLER_MANAGER=(
    "$BIN/kube-controller-manager" --kubeconfig="$PKI/controller-manager.kubeconfig"
    --authentication-kubeconfig="$PKI/controller-manager.kubeconfig"
    --authorization-kubeconfig="$PKI/controller-manager.kubeconfig"
    --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=200 --kube-api-burst=400
    --root-ca-file="$PKI/ca.crt" --service-account-private-key-file="$PKI/service-account.key"
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key"
    --use-service-account-credentials=true --allocate-node-cidrs=false
    --pvclaimbinder-sync-period=1s --flex-volume-plugin-dir="$WORK/volume-plugins"
  )

  SCHEDULER=(
    "$BIN/kube-scheduler" --kubeconfig="$PKI/scheduler.kubeconfig"
    --authentication-kubeconfig="$PKI/scheduler.kubeconfig"
    --authorization-kubeconfig="$PKI/scheduler.kubeconfig"
    --bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=200 --kube-api-burst=400
  )

  KUBELET=(
    "$BIN/kubelet" --config="$WORK/config/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig"
    --root-dir="$WORK/kubelet" --node-ip="$NODE_ADDRESS" --hostname-override="$NODE_NAME"
  )

  PROXY=("$BIN/kube-proxy" --config="$WORK/config/proxy.yaml")

  DNS=("$BIN/dns" -conf "$WORK/config/Corefile")

  VOLUMES=("$HERE/lib/volumes" "$BIN/kubectl" "$KUBECONFIG_FILE" "$NODE_NAME" "$WORK/volumes")
}
