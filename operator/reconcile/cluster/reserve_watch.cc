#include "operator/reconcile/cluster/reserve_watch.h"

namespace storagepool::reconcile {

void ReserveWatch::read(bool enough, runtime::TimePoint at) {
  if (last_ && at <= *last_) return;
  last_ = at;
  if (enough != too_small_) {
    otherwise_since_.reset();
    return;
  }
  if (!otherwise_since_) otherwise_since_ = at;
  if (at - *otherwise_since_ < kSteady) return;
  too_small_ = !enough;
  otherwise_since_.reset();
}

}  // namespace storagepool::reconcile
