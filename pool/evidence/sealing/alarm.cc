#include "pool/evidence/sealing/sealing.h"

namespace storagepool::evidence {

std::string_view name_of(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::kForgedBatch:
      return "ForgedBatch";
    case Alarm::Kind::kMalformedBatch:
      return "MalformedBatch";
    case Alarm::Kind::kRepeatedBatch:
      return "RepeatedBatch";
    case Alarm::Kind::kFutureBatch:
      return "FutureBatch";
    case Alarm::Kind::kOutOfOrder:
      return "OutOfOrder";
    case Alarm::Kind::kForgedState:
      return "ForgedState";
    case Alarm::Kind::kStateGone:
      return "StateGone";
    case Alarm::Kind::kSealsDisagree:
      return "SealsDisagree";
    case Alarm::Kind::kOtherLog:
      return "OtherLog";
    case Alarm::Kind::kLogRolledBack:
      return "LogRolledBack";
    case Alarm::Kind::kMissingBatch:
      return "MissingBatch";
    case Alarm::Kind::kAlteredBatch:
      return "AlteredBatch";
    case Alarm::Kind::kMissingEvents:
      return "MissingEvents";
    case Alarm::Kind::kAlteredEvents:
      return "AlteredEvents";
    case Alarm::Kind::kUnloggedEvents:
      return "UnloggedEvents";
    case Alarm::Kind::kNewIncarnation:
      return "NewIncarnation";
  }
  return "Unknown";
}

}  // namespace storagepool::evidence
