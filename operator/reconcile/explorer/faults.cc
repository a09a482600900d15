#include "operator/reconcile/explorer/faults.h"

namespace storagepool::reconcile::explorer {

const std::vector<Planted>& planted_faults() {
  static const std::vector<Planted> all{
      {Fault::kCeilingLoweredBeforeConfirmation, "CeilingLoweredBeforeConfirmation", "resizes"},
      {Fault::kGrantPushedBeforeCeilingIsWritten, "GrantPushedBeforeCeilingIsWritten", "on and off"},
      {Fault::kPeakLoweredFromCachedList, "PeakLoweredFromCachedList", "resizes"},
      {Fault::kPodsListedBeforeObjectsWereRead, "PodsListedBeforeObjectsWereRead", "on and off"},
      {Fault::kPeakLoweredWithReplicas, "PeakLoweredWithReplicas", "resizes"},
      {Fault::kConfirmationIgnoresSockets, "ConfirmationIgnoresSockets", "resizes"},
      {Fault::kConfirmationIgnoresSilentPods, "ConfirmationIgnoresSilentPods", "resizes"},
      {Fault::kConfirmationIgnoresGeneration, "ConfirmationIgnoresGeneration", "resizes"},
      {Fault::kClaimForgetsPeak, "ClaimForgetsPeak", "neighbours"},
      {Fault::kClaimForgetsCeiling, "ClaimForgetsCeiling", "neighbours"},
      {Fault::kNeighboursReadBeforeOwnRaise, "NeighboursReadBeforeOwnRaise", "single pods"},
      {Fault::kGrowsIntoWhatNeighboursCouldGiveUp, "GrowsIntoWhatNeighboursCouldGiveUp", "neighbours"},
      {Fault::kGenerationReusedAfterLoss, "GenerationReusedAfterLoss", "on and off"},
      {Fault::kPeakForgetsOrphans, "PeakForgetsOrphans", "objects deleted"},
      {Fault::kLostCeilingIsTheLimit, "LostCeilingIsTheLimit", "objects deleted"},
      {Fault::kClaimForgetsServerBeingLeft, "ClaimForgetsServerBeingLeft", "moves"},
      {Fault::kDoubtCountsAsNotMade, "DoubtCountsAsNotMade", "answers lost"},
      {Fault::kInvalidSpecClaimsNothing, "InvalidSpecClaimsNothing", "invalid spec"},
      {Fault::kConfigMapWrittenUnconditionally, "ConfigMapWrittenUnconditionally", "late writes"},
      {Fault::kStatefulSetWrittenUnconditionally, "StatefulSetWrittenUnconditionally", "late writes"},
      {Fault::kReleasedWhilePodsExist, "ReleasedWhilePodsExist", "deletion"},
      {Fault::kClaimForgetsServersTried, "ClaimForgetsServersTried", "moves"},
      {Fault::kMovedBelievedOfOldMounts, "MovedBelievedOfOldMounts", "typing error"},
      {Fault::kLedOnBeforeAdmission, "LedOnBeforeAdmission", "typing error"},
      {Fault::kLimitOfTheOldServerIsTakenAlong, "LimitOfTheOldServerIsTakenAlong", "moves"},
      {Fault::kSessionsOfGonePodsForgotten, "SessionsOfGonePodsForgotten", "a node lost"},
      {Fault::kVanishedPodHasNoMoreThanTheLimit, "VanishedPodHasNoMoreThanTheLimit", "a node lost"},
      {Fault::kReleasedInDoubtCountsNothing, "ReleasedInDoubtCountsNothing", "deletion in doubt"},
      {Fault::kOthersAreForStoragePools, "OthersAreForStoragePools", "other workloads"},
      {Fault::kOthersCountByTheirReplicas, "OthersCountByTheirReplicas", "other workloads"},
      {Fault::kAutoscalersOfOthersDoNotCount, "AutoscalersOfOthersDoNotCount", "other workloads"},
      {Fault::kPodsOfOthersThatEndDoNotCount, "PodsOfOthersThatEndDoNotCount", "other workloads"},
  };
  return all;
}

}  // namespace storagepool::reconcile::explorer
