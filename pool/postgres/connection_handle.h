// The owner of libpq's connection, private to this folder.
#pragma once

#include <memory>

#include <libpq-fe.h>

namespace storagepool::postgres {

// The first server version that looks, while it runs a statement, whether its client is still there.
inline constexpr int kChecksClient = 140'000;

// Ends the connection. Of an older server a statement that still runs is cancelled, for its session would go
// on with it and outlive our end.
struct FinishConnection {
  void operator()(PGconn* connection) const;
};
using ConnectionHandle = std::unique_ptr<PGconn, FinishConnection>;

}  // namespace storagepool::postgres
