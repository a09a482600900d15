#include "operator/cli/output/remedies.h"

#include <algorithm>
#include <array>

namespace storagepool::cli {
namespace {

constexpr auto kRemedies = std::to_array<Remedy>({
    {"`PostgresReachable=False`", "`CredentialsMissing`, `CredentialsRejected`",
     "mend the Secret; it is taken up live. Pods that serve go on with what was admitted before"},
    {"`PostgresReachable=False`", "`NotAdmittedYet`, `MoveWaits`",
     "the pods go on with the server of before: none was admitted by the one of the spec yet, or their "
     "connections do not fit there yet"},
    {"", "`TLSFailed`", "check `sslMode`, the CA Secret's `ca.crt`, the host's name in the certificate"},
    {"", "`Unreachable`, `DatabaseMissing`", "check `host` and `port`; create the database"},
    {"", "`ServerFull`", "others hold more than `postgres.reserve` leaves them: raise it"},
    {"`PostgresReachable=True`", "`SynchronousCommitOff`",
     "a hint: role, database or server have `off`, which sessions do not follow"},
    {"`PostgresReachable=False`", "`ReadOnly`",
     "`host` leads to a standby, or `default_transaction_read_only` is on: writes go on by themselves once "
     "it leads to the primary ([failovers](docs/failover.md))"},
    {"", "`SchemaFailed`, `NotPermitted`, `PostgresFailed`",
     "the role must own the database; the message has the SQLSTATE, or says that [a pooler](docs/poolers.md) "
     "shares sessions"},
    {"`PostgresReachable=Unknown`", "`AdminPortUnreachable`",
     "pods are ready and the operator cannot reach their port 8082: a NetworkPolicy or a service mesh ([how "
     "to allow it](docs/debugging.md#the-sum))"},
    {"`BudgetExceeded=True`", "`LimitsReduced`",
     "pods get less than asked: fewer replicas, a smaller pool, or a bigger server"},
    {"", "`MaximumDoesNotFit`",
     "all that is asked for fits; what an autoscaler may ask for does not: the message says how many "
     "replicas are safe"},
    {"", "`MinimumDoesNotFit`, `StrictPolicy`",
     "not even the minimum (or, with Strict, not all) fits: also `Stalled`"},
    {"", "`ObservedOnly`, `HeldWhilePaused`",
     "policy Observe, or paused: the pods may hold more than the server can give"},
    {"`BudgetExceeded=Unknown`", "`ServerLimitsUnknown`",
     "no pod has reached the server yet: see `PostgresReachable`"},
    {"`RolloutBlockedByConnections=True`", "`PodNotConfirmed`",
     "the message names the pods and what they still hold open"},
    {"", "`ConnectionsRefused`",
     "a pod was refused a connection (53300): others hold more than `postgres.reserve` leaves them. Nothing "
     "grows until it is over"},
    {"", "`SessionsOfGonePods`",
     "PostgreSQL still holds sessions of pods that are gone: half a minute at most, unless a lost node is at "
     "work"},
    {"", "`WaitingForOthers`",
     "other StoragePools on the server are coming down to their shares; the message has the sums"},
    {"`Stalled=True`", "`InvalidSpec`, `ApplyRejected`, `ApplyForbidden`, `NameTaken`",
     "the message names the field, or what the API server refused; it is asked again about once a minute"},
    {"`PodsFailing=True`", "`QuotaExceeded`, `FailedCreate`",
     "no pod can be made: the message has the words of the quota, LimitRange, PodSecurity or webhook"},
    {"", "`InvalidImageName`, `ImagePullBackOff`",
     "mend `spec.image` or `imagePullSecrets`; the message has the registry's words"},
    {"", "`CrashLoopBackOff`, `OOMKilled`",
     "the message has the exit code and the last words; `kubectl logs --previous` has more"},
    {"", "`Unschedulable`, `FailedMount`, `Evicted`, others of Kubernetes",
     "the message has the scheduler's or the node's words"},
    {"`JournalNotDurable=True`", "`JournalFailed`",
     "the message has the disk's words: a full or failing volume"},
    {"", "`Ephemeral`, `EventsAtRisk`",
     "`persistence: Ephemeral`: journals go with their pods; the message names those that hold events"},
    {"`AuthenticationOff=True`", "`ModeNone`", "`spec.auth.mode` is `None`: everybody reads and writes"},
    {"`ReserveTooSmall=True`", "`OthersHoldMore`",
     "others have more sessions on the server than is left to them: set `postgres.reserve` to what the "
     "message "
     "says, or let them [declare what they hold](docs/applications.md)"},
    {"`LogTampered=True`", "`LogRolledBack`, `LogInconsistent`, `ForgedState`, others of the log",
     "the log that proves events is not as it was shown: see [the "
     "alarm](docs/runbooks.md#storagepoollogtampered)"},
    {"`LogKeyUnusable=True`", "`NoLogKey`, `LogKeyRefused`",
     "pods lack a key of the log: mend the Secret that the message names, which is taken up live; events are "
     "stored, and [proven](docs/runbooks.md#storagepoollogkeymissing) only from then on"},
    {"`LogUnwitnessed=True`", "`WitnessFailing`",
     "outside witnesses do not cosign the log, which changes nothing else: see [the "
     "alarm](docs/runbooks.md#storagepoollogunwitnessed)"},
    {"`AwaitingTurn=True`", "`OthersFirst`, `RolloutStopped`",
     "after an upgrade of the operator: its pods stay as they are until the StoragePool that the message "
     "names is Ready again ([upgrade](docs/operations.md#upgrade))"},
    {"`Ready=False`", "`Progressing`, `Paused`",
     "pods are starting; `spec.paused` is true: [nothing is changed](docs/reference/spec.md#paused)"},
    {"", "`TokenIssuerUnknown`",
     "the operator cannot read who signs service accounts' tokens; the message has the API server's words"},
    {"", "`RequestFailed`",
     "a request to the API server fails again and again, which may pass: a webhook that does not answer, a "
     "server that is overloaded; the message has the object and the server's words"},
    {"", "`JournalNotEmpty`",
     "pods are to go or be replaced and hold events: bring PostgreSQL back, or [give the events "
     "up](docs/reference/spec.md#giving-events-up)"},
    {"", "`VolumePending`, `NoStorageClass`",
     "`kubectl describe pvc`; without a default StorageClass, make one (also `Stalled`)"},
});

// Reasons of Kubernetes that the table does not name one by one.
constexpr std::string_view kOthers = "others of Kubernetes";

bool names(std::string_view cell, std::string_view word) {
  return cell.find("`" + std::string(word) + "`") != std::string_view::npos;
}

// Without backticks, and of links only the text.
std::string plain(std::string_view markdown) {
  std::string text;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    if (c == ']' && i + 1 < markdown.size() && markdown[i + 1] == '(') {
      i = std::min(markdown.find(')', i), markdown.size());
    } else if (c != '`' && c != '[') {
      text += c;
    }
  }
  return text;
}

std::string_view find(std::string_view condition, std::string_view reason, std::string_view others) {
  std::string_view current;
  for (const Remedy& row : kRemedies) {
    if (!row.condition.empty()) current = row.condition;
    if (!condition.empty() && !names(current, condition)) continue;
    const bool any_other = !others.empty() && row.reasons.find(others) != std::string_view::npos;
    if (names(row.reasons, reason) || any_other) return row.what_to_do;
  }
  return {};
}

}  // namespace

std::span<const Remedy> remedies() {
  return kRemedies;
}

std::string remedy_for(std::string_view type, std::string_view status, std::string_view reason) {
  const std::string condition = std::string(type) + "=" + std::string(status);
  std::string_view found = find(condition, reason, kOthers);
  const bool takes_over = condition == "Ready=False" || condition == "Stalled=True";
  if (found.empty() && takes_over) found = find({}, reason, {});
  return plain(found);
}

}  // namespace storagepool::cli
