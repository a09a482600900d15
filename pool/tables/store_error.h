// Why an event was not stored or not found, as those who answer requests need to know it: by what can be done
// about it. One place turns the errors of the engine and of PostgreSQL into these.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "pool/engine/engine.h"
#include "pool/postgres/error.h"

namespace storagepool::tables {

struct StoreError {
  enum class Kind {
    kParentMissing,
    kConflict,         // the client's id is that of another event, with other content
    kPageTooLarge,     // the page asked for holds more than kMaxPageBytes
    kRejected,         // PostgreSQL refuses a value that passed validation
    kOverloaded,       // more is waiting than may; worth trying again after `retry_after`
    kDatabaseMissing,  // it does not exist, or is being dropped
    kUnavailable,      // no connection in time, or it failed; worth trying again after `retry_after`
    kInternal,         // a fault of this program
  };
  Kind kind = Kind::kInternal;
  std::string detail;  // safe to show to a client
  std::chrono::milliseconds retry_after{};
  bool needs_person = false;  // it will not pass before somebody changes something in PostgreSQL
  std::string sqlstate = {};  // of PostgreSQL's error, empty when it was none
  std::size_t index = 0;      // of the event at fault in its call, counted from 0: of kConflict
  bool other_number = false;  // of kConflict: the event is the same, but its call had more or fewer events
};

StoreError to_store_error(const engine::AcquireError& error);
StoreError to_store_error(const postgres::Error& error);

}  // namespace storagepool::tables
