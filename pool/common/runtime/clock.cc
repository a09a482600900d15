#include "pool/common/runtime/clock.h"

namespace storagepool::runtime {

const Clock& system_clock() {
  class System : public Clock {
   public:
    TimePoint now() const override { return std::chrono::steady_clock::now(); }
    Timestamp wall() const override {
      return std::chrono::floor<Timestamp::duration>(std::chrono::system_clock::now());
    }
  };
  static const System instance;
  return instance;
}

}  // namespace storagepool::runtime
