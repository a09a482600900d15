// Faults that the explorer must find: each is a mistake that the operator could have, made where the explorer
// asks next_step or carries out what it says, so that what ships has no part in it.
#pragma once

#include <vector>

#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

enum class Fault : Byte {
  kNone,
  kCeilingLoweredBeforeConfirmation,
  kGrantPushedBeforeCeilingIsWritten,
  kPeakLoweredFromCachedList,
  kPodsListedBeforeObjectsWereRead,
  kPeakLoweredWithReplicas,
  kConfirmationIgnoresSockets,
  kConfirmationIgnoresSilentPods,
  kConfirmationIgnoresGeneration,
  kGenerationReusedAfterLoss,
  kLostCeilingIsTheLimit,
  kPeakForgetsOrphans,
  kClaimForgetsPeak,
  kClaimForgetsCeiling,
  kClaimForgetsServerBeingLeft,
  kDoubtCountsAsNotMade,
  kNeighboursReadBeforeOwnRaise,
  kGrowsIntoWhatNeighboursCouldGiveUp,
  kConfigMapWrittenUnconditionally,
  kStatefulSetWrittenUnconditionally,
  kInvalidSpecClaimsNothing,
  kReleasedWhilePodsExist,
  kClaimForgetsServersTried,
  kMovedBelievedOfOldMounts,
  kLedOnBeforeAdmission,
  kLimitOfTheOldServerIsTakenAlong,
  kSessionsOfGonePodsForgotten,
  kVanishedPodHasNoMoreThanTheLimit,
  kReleasedInDoubtCountsNothing,
  kOthersAreForStoragePools,
  kOthersCountByTheirReplicas,
  kAutoscalersOfOthersDoNotCount,
  kPodsOfOthersThatEndDoNotCount,
};

struct Planted {
  Fault fault;
  const char* name;
  const char* world;  // in which it shows soon
};

const std::vector<Planted>& planted_faults();

}  // namespace storagepool::reconcile::explorer
