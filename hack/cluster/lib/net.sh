# shellcheck shell=bash disable=SC2034
# The node's addresses and the host's way to them. Cluster INDEX (0 to 63) has
#   10.231.4i.0/23      pods, the node itself at .1 on the bridge that carries them
#   10.231.(4i+2).0/24  Services
#   169.254.(16+i).0/30 the veth pair between host (.1) and node (.2), RFC 3927
# The node has no default route. On the host an unreachable route with the worst
# metric lies under the route to the cluster: while the node is gone, nothing for
# its addresses leaves the machine. That route also is the claim on the index:
# the kernel adds it for one caller only.

LAST_INDEX=63
FALLBACK_METRIC=9999

use_index() {
  local index=$1
  RANGE=10.231.$((4 * index)).0/22
  PODS=10.231.$((4 * index)).0/23
  NODE_ADDRESS=10.231.$((4 * index)).1
  SERVICES=10.231.$((4 * index + 2)).0/24
  API_SERVICE_ADDRESS=10.231.$((4 * index + 2)).1
  LINK_HOST=169.254.$((16 + index)).1
  LINK_NODE=169.254.$((16 + index)).2
  LINK=storagepool-$index
  CGROUP=storagepool-$index
}

# Claims a free index, records it and sets the addresses. A range that the host
# already routes in part belongs to somebody else.
claim_index() {
  local index
  for ((index = 0; index <= LAST_INDEX; index++)); do
    use_index "$index"
    [[ -z $(ip -4 route show table all root "$RANGE") ]] || continue
    if ip -4 route add unreachable "$RANGE" metric "$FALLBACK_METRIC" 2>/dev/null; then
      state_set index "$index"
      return
    fi
  done
  die "none of the $((LAST_INDEX + 1)) address ranges below 10.231.0.0/16 is free ('ip route' shows who has them)"
}

# Joins the host to the node whose init is process $1.
connect_host() {
  ip link add "$LINK" type veth peer name uplink netns "$1" &&
    ip addr add "$LINK_HOST/30" dev "$LINK" &&
    ip link set "$LINK" up &&
    nsenter --target "$1" --net -- ip addr add "$LINK_NODE/30" dev uplink &&
    nsenter --target "$1" --net -- ip link set uplink up &&
    ip -4 route add "$RANGE" via "$LINK_NODE" dev "$LINK" src "$LINK_HOST"
}

disconnect_host() {
  if ip link show "$LINK" >/dev/null 2>&1; then
    # Fails when the node's end takes the pair along just now; what counts is
    # that the link is gone.
    ip link delete "$LINK" 2>/dev/null || true
    wait_for 10 "link $LINK gone" link_gone || return 1
  fi
  if [[ -n $(ip -4 route show type unreachable exact "$RANGE") ]]; then
    ip -4 route delete unreachable "$RANGE" metric "$FALLBACK_METRIC"
  fi
}

link_gone() { ! ip link show "$LINK" >/dev/null 2>&1; }

# Run inside the node: the bridge for pods, and the way to Services, which
# kube-proxy rewrites only once a packet has a route.
make_bridge() {
  ip link set lo up
  ip link add pods type bridge
  ip addr add "$NODE_ADDRESS/23" dev pods
  ip link set pods up
  ip -4 route add "$SERVICES" dev pods
  sysctl -q -w net.ipv4.ip_forward=1
}
