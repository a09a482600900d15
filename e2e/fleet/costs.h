// What things take, in seconds, as they were measured on two cores of AMD EPYC (docs/performance.md says with
// what); what is assumed says so.
#pragma once

namespace storagepool::e2e {

struct Costs {
  // The service's one thread: "POST one event, 64 clients"; "GET by correlation id (20 events)".
  double post = 36e-6;
  double list = 194e-6;
  // PostgreSQL's CPU: commits of 1, 8 and 100 events take 170, 41 and 16 us for a row, that is 155 us for a
  // commit and 15 for a row; the same list.
  double commit = 155e-6;
  double row = 15e-6;
  double list_at_server = 457e-6;
  double connect = 1.0 / 163;  // "the server starts some 163 backends a second"
  double sync = 1.0 / 4000;    // "a disk with 4,000 syncs a second"; one serves all that wait for it

  // The operator: 300 StoragePools with 3 pods each. "restart, with pods": 2.0 s of CPU for 675 looks; "rest,
  // with pods": 1.8 s of CPU in 30 s for 900 pods that are asked every 10 s; "created at once": 3,718 writes
  // by 4 workers in 28.5 s.
  double look = 3e-3;
  double exchange = 0.67e-3;
  double write = 30e-3;
  double round_trip = 1e-3;  // assumed: between the operator and a pod
  double pod_start = 3;      // assumed: until a pod answers; all of a node's at once
  double hold = 20e-3;       // assumed: how long a busy connection is held on when its limit shrinks
};

// As the code has them.
inline constexpr int kCommitters = 2;    // of a database in a pod: turns_per_database (pool/ingest/queue.h)
inline constexpr int kMaxBatch = 500;    // events of a commit: max_batch_events
inline constexpr int kWorkers = 4;       // of the operator (maxConcurrentReconciles)
inline constexpr int kAskedAtOnce = 64;  // operator/pods/schedule.h
inline constexpr double kAskedAgain = 0.5;  // while something is awaited of a pod
inline constexpr double kAskedAtRest = 10;  // else

}  // namespace storagepool::e2e
