#include "pool/common/http/limits/room.h"

namespace storagepool::http {

bool closed_before(const Standing& a, const Standing& b) {
  if (a.idle != b.idle) return a.idle;
  if (a.of_client != b.of_client) return a.of_client > b.of_client;
  if (a.idle) return a.since < b.since;
  return a.bytes_per_second < b.bytes_per_second;
}

}  // namespace storagepool::http
