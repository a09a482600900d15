#include "pool/common/runtime/loop/bounded_work.h"

#include <chrono>
#include <mutex>
#include <utility>

namespace storagepool::runtime {
namespace {

struct UnderWay {
  std::mutex mutex;
  std::list<Piece> pieces;
};

UnderWay& under_way() {
  static UnderWay instance;
  return instance;
}

}  // namespace

BoundedWork::BoundedWork(std::string name, TimePoint::duration limit) {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  piece_ =
      all.pieces.insert(all.pieces.end(), {.name = std::move(name), .limit = limit, .since = steady_now()});
}

BoundedWork::~BoundedWork() {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  all.pieces.erase(piece_);
}

void BoundedWork::moved() {
  const std::lock_guard lock(under_way().mutex);
  piece_->since = steady_now();
}

std::vector<std::string> hung_work(TimePoint now) {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> hung;
  for (const Piece& piece : all.pieces) {
    const auto took = now - piece.since;
    if (took <= piece.limit) continue;
    hung.push_back(piece.name + " for " +
                   std::to_string(std::chrono::floor<std::chrono::seconds>(took).count()) + " s");
  }
  return hung;
}

}  // namespace storagepool::runtime
