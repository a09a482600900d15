// What becomes of a request to the API server, drawn from a seed: the n-th of its kind on its path has the
// same fate whatever else is under way. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace storagepool::manager::faulty_api {

enum class Fate {
  kServed,
  kDelayed,
  kCut,          // the connection ends, and the API server has heard nothing
  kLost,         // it was carried out, and the connection ends without an answer
  kLate,         // the connection ends; it is carried out some time after that
  kOvertaken,    // or once another has written something else in its place
  kTruncated,    // it was carried out, and the answer ends in its midst
  kRefused,      // with Plan::status, and not carried out
  kSeemsFailed,  // it was carried out, and the answer is 504
  kSilent,       // no answer and no end
  kKilled,       // the operator is, before it is carried out
  kKilledAfter,  // or after
};

// What becomes of a watch that the API server serves, after Plan::wait.
enum class End {
  kNone,
  kClean,
  kCut,
  kMidLine,   // the next event ends in its midst
  kError,     // an ERROR event of 410
  kHalfOpen,  // nothing comes any more, and no end
  kLagging,   // from the start: each event comes after Plan::wait
};

struct Plan {
  Fate fate = Fate::kServed;
  End end = End::kNone;
  int status = 0;
  std::chrono::milliseconds wait{0};
  bool abrupt = false;  // a connection that ends does so by a reset
};

enum class Kind { kRead, kWrite, kWatch, kLease };

struct Asked {
  Kind kind = Kind::kRead;
  std::string what;  // method and path
};

// Which faults there are.
struct Faults {
  bool network = false;
  bool kills = false;
  std::map<std::string, Plan> first =
      {};  // by Asked::what, of the first that is asked: not drawn, nor healed
};

std::string to_string(const Plan& plan);

class Fates {
 public:
  Fates(std::uint64_t seed, Faults faults) : seed_(seed), faults_(faults) {}

  // `elapsed` since the first watch: what takes long to be noticed happens early. Once all is healed nothing
  // is drawn.
  Plan of(const Asked& asked, std::chrono::milliseconds elapsed, bool healed);

 private:
  std::uint64_t seed_;
  Faults faults_;
  std::map<std::string, int> counts_;
  int silent_ = 0;
  int kills_ = 0;
};

}  // namespace storagepool::manager::faulty_api
