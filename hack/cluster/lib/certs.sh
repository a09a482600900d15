# shellcheck shell=bash
# The cluster's keys, certificates (EC P-256, one year) and kubeconfig files,
# under $WORK/pki. See the Kubernetes documentation, "PKI certificates and
# requirements".

CERT_DAYS=365

# make_ca NAME
make_ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$CERT_DAYS" \
    -config "$PKI/openssl.cnf" -subj "/CN=$1" -keyout "$PKI/$1.key" -out "$PKI/$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,digitalSignature,cRLSign
}

# make_certificate CA NAME SUBJECT [SUBJECT_ALTERNATIVE_NAMES]
make_certificate() {
  local names=()
  [[ -z ${4:-} ]] || names=(-addext "subjectAltName=$4")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$CERT_DAYS" \
    -config "$PKI/openssl.cnf" -CA "$PKI/$1.crt" -CAkey "$PKI/$1.key" -subj "$3" \
    -keyout "$PKI/$2.key" -out "$PKI/$2.crt" -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=serverAuth,clientAuth "${names[@]}"
}

# make_kubeconfig NAME FILE: for the client of certificate NAME.
make_kubeconfig() {
  cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: storagepool
clusters:
- name: storagepool
  cluster:
    server: https://$NODE_ADDRESS:6443
    certificate-authority-data: $(base64 -w 0 "$PKI/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w 0 "$PKI/$1.crt")
    client-key-data: $(base64 -w 0 "$PKI/$1.key")
contexts:
- name: storagepool
  context: {cluster: storagepool, user: $1}
YAML
}

make_certificates() {
  local api_names kubelet_names
  mkdir -p "$PKI"
  printf '[req]\ndistinguished_name = subject\n[subject]\n' >"$PKI/openssl.cnf"
  api_names=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  api_names+=,DNS:kubernetes.default.svc.cluster.local,DNS:localhost
  api_names+=,IP:127.0.0.1,IP:$NODE_ADDRESS,IP:$API_SERVICE_ADDRESS
  kubelet_names=DNS:$NODE_NAME,IP:$NODE_ADDRESS
  {
    make_ca ca
    make_ca front-proxy-ca
    make_certificate ca apiserver /CN=kube-apiserver "$api_names"
    make_certificate ca kubelet-server "/CN=$NODE_NAME" "$kubelet_names"
    make_certificate ca apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
    make_certificate front-proxy-ca front-proxy-client /CN=front-proxy-client
    make_certificate ca admin /O=system:masters/CN=admin
    make_certificate ca controller-manager /CN=system:kube-controller-manager
    make_certificate ca scheduler /CN=system:kube-scheduler
    make_certificate ca kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
    make_certificate ca proxy /CN=system:kube-proxy
    make_certificate ca dns /O=system:masters/CN=dns
    openssl ecparam -genkey -name prime256v1 -noout -out "$PKI/service-account.key"
    openssl ec -in "$PKI/service-account.key" -pubout -out "$PKI/service-account.pub"
  } 2>"$WORK/log/certificates.log" || {
    tail -n 20 "$WORK/log/certificates.log" >&2
    die "openssl could not make the certificates (the last lines above)"
  }
  local client
  for client in controller-manager scheduler kubelet proxy dns; do
    make_kubeconfig "$client" "$PKI/$client.kubeconfig"
  done
  make_kubeconfig admin "$KUBECONFIG_FILE"
}
