#include "operator/sizing/server_book.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace storagepool::sizing {
namespace {

using namespace std::chrono_literals;

// How long shares are kept: with time, reports are left behind.
constexpr auto kKept = 10s;

std::int64_t unreserved(const settings::ServerFacts& facts) {
  return facts.max_connections - facts.superuser_reserved_connections - facts.reserved_connections;
}

settings::ServerFacts told(const std::optional<KnownFacts>& known) {
  if (!known) return {};
  settings::ServerFacts facts = known->facts;
  facts.forget_moment();
  return facts;
}

// Everything of an account that takes part that shares depend on.
bool same_for_shares(const Account& a, const Account& b, bool limits_known) {
  const bool limit_counts = !limits_known || !a.request || a.request->policy == Policy::kStrict;
  return a.created == b.created && a.servers == b.servers && a.database == b.database && a.role == b.role &&
         a.request == b.request && a.existing.replicas == b.existing.replicas &&
         a.existing.peak_pods == b.existing.peak_pods && a.facts.has_value() == b.facts.has_value() &&
         a.destination_facts.has_value() == b.destination_facts.has_value() &&
         told(a.facts) == told(b.facts) && told(a.destination_facts) == told(b.destination_facts) &&
         (!limit_counts || a.existing.limit == b.existing.limit);
}

// Which of n things are connected.
class Groups {
 public:
  explicit Groups(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t of(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void connect(std::size_t a, std::size_t b) { parent_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> parent_;
};

// The least of what those tell whose word is not left behind.
std::optional<std::int64_t> told_limit(const std::vector<const KnownFacts*>& reports,
                                       std::optional<std::int64_t> settings::ServerFacts::*limit) {
  const KnownFacts* latest = nullptr;
  for (const KnownFacts* report : reports) {
    if (latest == nullptr || report->read > latest->read) latest = report;
  }
  std::optional<std::int64_t> least;
  for (const KnownFacts* report : reports) {
    const auto& told = report->facts.*limit;
    if (!told || is_left_behind(*report, *latest)) continue;
    least = std::min(least.value_or(*told), *told);
  }
  return least;
}

}  // namespace

bool ServerBook::Place::shares() const {
  const bool here = tie == Tie::kHome || tie == Tie::kDestination;
  const auto& request = account->request;
  return here && request && request->policy != Policy::kObserve && !request->paused;
}

std::int64_t ServerBook::Place::claim(const Account& of) const {
  if (tie == Tie::kHome || tie == Tie::kLeft) return of.claim();
  const bool tries = std::find(of.tried.begin(), of.tried.end(), of.destination) != of.tried.end();
  return tie == Tie::kTried || tries ? of.existing.peak_pods : 0;
}

const std::optional<KnownFacts>& ServerBook::Place::facts() const {
  static const std::optional<KnownFacts> kNone;
  if (tie == Tie::kHome) return account->facts;
  return tie == Tie::kDestination ? account->destination_facts : kNone;
}

Request ServerBook::Place::request() const {
  Request request = *account->request;
  if (tie != Tie::kDestination || account->destination_facts) return request;
  request.max_open_conns = request.min_conns_per_pod = 1;
  request.policy = Policy::kFit;
  return request;
}

void ServerBook::add(const Account& account, Tie tie) {
  place_by_uid_.emplace(account.uid, places_.size());
  places_.push_back({.account = &account, .tie = tie});
}

void ServerBook::remember_first_pod(std::optional<Now> since) {
  if (!since) return;
  first_pod_since_ = first_pod_since_ ? std::min(*first_pod_since_, *since) : *since;
}

void ServerBook::put_workloads(const OtherWorkloads& workloads) {
  if (workloads_ != workloads) fresh_ = false;
  workloads_ = workloads;
}

void ServerBook::changed(const Account& before, const Account& account) {
  if (!fresh_) return;
  const Place& place = place_of(account);
  const bool same = same_for_shares(before, account, facts_.has_value()) &&
                    (place.shares() || place.claim(before) == place.claim(account));
  if (!same) {
    fresh_ = false;
    return;
  }
  for (const std::size_t limit : place.limits)
    limits_[limit].claimed += place.claim(account) - place.claim(before);
}

void ServerBook::refresh(Now now) {
  if (fresh_ && now - computed_at_ < kKept) return;
  fresh_ = true;
  computed_at_ = now;
  ++computations_;
  for (Place& place : places_) place = {.account = place.account, .tie = place.tie};
  read_limits();
  if (facts_) {
    read_roles();
    read_databases();
  }
  add_up();
  if (facts_) {
    first_pod_since_.reset();
    share_out();
    keep_one_pod();
  } else {
    wait_for_limits();
    if (first_pods_ == 0) first_pod_since_.reset();
    if (first_pods_ > 0 && !first_pod_since_) first_pod_since_ = now;
  }
}

void ServerBook::read_limits() {
  limits_.clear();
  facts_.reset();
  reserve_ = 0;
  std::vector<const KnownFacts*> reports;
  for (const Place& place : places_) {
    const auto& request = place.account->request;
    if (request) reserve_ = std::max(reserve_, request->reserve);
    if (const auto& facts = place.facts()) reports.push_back(&*facts);
  }
  const auto outdated = [&](const KnownFacts* report) {
    return std::any_of(reports.begin(), reports.end(),
                       [&](const KnownFacts* later) { return is_outdated(*report, *later); });
  };
  for (const KnownFacts* report : reports) {
    const bool less = !facts_ || unreserved(report->facts) < unreserved(*facts_);
    if (less && !outdated(report)) facts_ = report->facts;
  }
  limits_.push_back({.most = facts_ ? std::max<std::int64_t>(unreserved(*facts_) - reserve_, 0) : 0});
  for (Place& place : places_) place.limits.push_back(0);
}

void ServerBook::limit_groups(const std::map<std::size_t, std::vector<std::size_t>>& groups,
                              const std::vector<std::size_t>& everywhere,
                              std::optional<std::int64_t> settings::ServerFacts::*told,
                              std::optional<std::int64_t> Place::*into) {
  for (const auto& [any, members] : groups) {
    std::vector<const KnownFacts*> reports;
    for (const std::size_t member : members) {
      const Place& place = places_[member];
      if (const auto& facts = place.facts()) reports.push_back(&*facts);
    }
    const auto limit = told_limit(reports, told);
    if (!limit) continue;
    for (const std::size_t member : members) {
      places_[member].*into = limit;
      places_[member].limits.push_back(limits_.size());
    }
    for (const std::size_t member : everywhere) places_[member].limits.push_back(limits_.size());
    limits_.push_back({.most = *limit});
  }
}

// Roles behind different Secrets may still be one; an equal limit is taken as a sign of it, which errs to the
// safe side.
void ServerBook::read_roles() {
  Groups same(places_.size());
  std::map<std::string, std::size_t> by_secret;
  std::map<std::int64_t, std::size_t> by_limit;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Account& account = *places_[i].account;
    same.connect(i, by_secret.emplace(account.role, i).first->second);
    const auto& facts = places_[i].facts();
    if (!facts || !facts->facts.role_limit) continue;
    same.connect(i, by_limit.emplace(*facts->facts.role_limit, i).first->second);
  }
  std::map<std::size_t, std::vector<std::size_t>> groups;
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].account->role.empty()) {
      unknown.push_back(i);
    } else {
      groups[same.of(i)].push_back(i);
    }
  }
  limit_groups(groups, unknown, &settings::ServerFacts::role_limit, &Place::role_limit);
}

void ServerBook::read_databases() {
  std::map<std::string, std::size_t> by_name;
  std::map<std::size_t, std::vector<std::size_t>> groups;
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::string& database = places_[i].account->database;
    if (database.empty()) {
      unknown.push_back(i);
    } else {
      groups[by_name.emplace(database, i).first->second].push_back(i);
    }
  }
  limit_groups(groups, unknown, &settings::ServerFacts::database_limit, &Place::database_limit);
}

void ServerBook::add_up() {
  pods_ = 0;
  for (const Place& place : places_) {
    pods_ += place.account->existing.peak_pods;
    for (const std::size_t limit : place.limits) limits_[limit].claimed += place.claim();
  }
  limits_[0].claimed += workloads_.hold;
  limits_[0].least += workloads_.hold;
}

void ServerBook::share_out() {
  std::vector<std::int64_t> left;
  for (const Limit& limit : limits_) left.push_back(limit.most);
  left[0] -= workloads_.hold;
  std::vector<Asker> askers;
  std::vector<std::size_t> sharing;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    const bool shares = place.shares();
    const std::int64_t fixed = shares ? 0 : place.claim();
    for (const std::size_t limit : place.limits) left[limit] -= fixed;
    place.least = fixed;
    if (!shares) continue;
    sharing.push_back(i);
    // Where it is to go it has nothing yet.
    askers.push_back({place.request(), place.home() ? place.account->existing : Existing{}, place.limits});
  }
  const std::vector<Shared> shared = share(askers, left);
  for (std::size_t n = 0; n < sharing.size(); ++n) {
    places_[sharing[n]].share = shared[n].share;
    places_[sharing[n]].least += shared[n].least;
  }
  for (const Place& place : places_) {
    for (const std::size_t limit : place.limits) limits_[limit].least += place.least;
  }
}

// Without one nobody would see the server grow again.
void ServerBook::keep_one_pod() {
  const auto has_pods = [](const Place& place) {
    return place.home() &&
           (place.share.pods > 0 || (!place.shares() && place.account->existing.peak_pods > 0));
  };
  if (std::any_of(places_.begin(), places_.end(), has_pods)) return;
  for (Place& place : places_) {
    if (!place.shares() || !place.home() || place.account->request->replicas == 0) continue;
    place.lone_pod = true;
    place.share = {.pods = 1, .per_pod = place.account->request->min_conns_per_pod};
    return;
  }
}

// Pods that run stay, with the limit that they have.
void ServerBook::wait_for_limits() {
  first_pods_ = 0;
  std::int64_t turn = 0;
  for (Place& place : places_) {
    if (!place.home()) continue;
    const Account& account = *place.account;
    const bool has_pods = account.existing.peak_pods > 0;
    if (has_pods) ++first_pods_;
    if (!place.shares()) continue;
    const Request& request = *account.request;
    const std::int64_t there = has_pods ? std::max<std::int64_t>(account.existing.replicas, 1) : 0;
    place.share.pods = std::min(request.replicas, there);
    const std::int64_t limit = has_pods ? account.existing.limit : 0;
    place.share.per_pod = std::clamp(limit, request.min_conns_per_pod, request.max_open_conns);
    if (!has_pods && request.replicas > 0) place.turn = ++turn;
  }
}

bool ServerBook::may_start(const Place& place, Now now) const {
  if (place.turn == 0) return false;
  const std::int64_t turns = first_pod_since_ ? (now - *first_pod_since_) / Ledger::kFirstPodPatience : 0;
  return first_pods_ + place.turn <= 1 + turns;
}

std::int64_t ServerBook::available(const Place& place) const {
  const Account& account = *place.account;
  const auto& request = account.request;
  std::int64_t least = request ? request->max_connections.value_or(INT64_MAX) : INT64_MAX;
  for (const std::size_t limit : place.limits) {
    least = std::min(least, limits_[limit].most - limits_[limit].claimed + place.claim());
  }
  return std::max<std::int64_t>(least, 0);
}

std::int64_t ServerBook::available(const Account& account, Now now) {
  refresh(now);
  const Place& place = place_of(account);
  return facts_ ? available(place) : place.claim();
}

bool ServerBook::knows(Now now) {
  refresh(now);
  return facts_.has_value();
}

Destination ServerBook::destination(const Account& account, Now now) {
  refresh(now);
  if (!facts_) return {};
  const Place& place = place_of(account);
  return {.known = true, .available = available(place), .share = place.share};
}

std::int64_t ServerBook::max_safe_replicas(const Place& place) const {
  const auto& request = place.account->request;
  if (!request) return 0;
  std::int64_t most = request->max_connections.value_or(INT64_MAX);
  for (const std::size_t limit : place.limits) {
    most = std::min(most, limits_[limit].most - limits_[limit].least + place.least);
  }
  return std::max(most / request->min_conns_per_pod, place.share.pods + place.share.room);
}

Outlook ServerBook::outlook(const Account& account, Now now) {
  refresh(now);
  const Place& place = place_of(account);
  Outlook outlook;
  outlook.available = available(account, now);
  outlook.share = place.share;
  outlook.others = {.pools = static_cast<std::int64_t>(places_.size()) - 1,
                    .pods = pods_ - account.existing.peak_pods,
                    .hold = limits_[0].claimed - workloads_.hold - account.claim(),
                    .least = limits_[0].least - workloads_.hold - place.least};
  outlook.workloads = workloads_;
  if (!facts_) {
    outlook.lone_pod = may_start(place, now);
    if (outlook.lone_pod) outlook.share.pods = 1;
    return outlook;
  }
  outlook.known = true;
  outlook.lone_pod = place.lone_pod;
  outlook.server_max = facts_->max_connections;
  outlook.reserved = facts_->max_connections - unreserved(*facts_) + reserve_;
  outlook.usable = limits_[0].most;
  outlook.role_limit = place.role_limit;
  outlook.database_limit = place.database_limit;
  for (const auto& limit : {place.role_limit, place.database_limit}) {
    if (limit) outlook.usable = std::min(outlook.usable, *limit);
  }
  if (account.request && account.request->max_connections) {
    outlook.usable = std::min(outlook.usable, *account.request->max_connections);
  }
  outlook.max_safe_replicas = max_safe_replicas(place);
  return outlook;
}

void ServerBook::add_uids(std::set<std::string>& uids) const {
  for (const Place& place : places_) uids.insert(place.account->uid);
}

std::int64_t ServerBook::claimed() const {
  std::int64_t sum = workloads_.hold;
  for (const Place& place : places_) sum += place.claim();
  return sum;
}

}  // namespace storagepool::sizing
