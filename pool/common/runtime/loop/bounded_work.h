// Pieces of a loop's work that end within a time of their own, whatever others do: every request in them has
// a deadline. One that does not has hung, and what it holds will not come free: the program is to be started
// anew. A loop that waits for something to do is in no such piece.
//
//   const BoundedWork work("a look at " + key, kLimit);
#pragma once

#include <list>
#include <string>
#include <vector>

#include "pool/common/runtime/clock.h"

namespace storagepool::runtime {

struct Piece {
  std::string name;  // for people
  TimePoint::duration limit{};
  TimePoint since{};
};

class BoundedWork {
 public:
  BoundedWork(std::string name, TimePoint::duration limit);
  ~BoundedWork();
  BoundedWork(const BoundedWork&) = delete;
  BoundedWork& operator=(const BoundedWork&) = delete;

  void moved();  // it has come further: the time begins anew

 private:
  std::list<Piece>::iterator piece_;
};

// Of all that are under way in this process, those that are beyond their limit: "NAME for 301 s".
// Thread-safe.
std::vector<std::string> hung_work(TimePoint now);

}  // namespace storagepool::runtime
