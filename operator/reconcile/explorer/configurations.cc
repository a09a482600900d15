#include "operator/reconcile/explorer/configurations.h"

#include <algorithm>
#include <cstdlib>

namespace storagepool::reconcile::explorer {
namespace {

Configuration resizes() {
  return {.name = "resizes",
          .about = "one StoragePool between three sizes; pods that are cut off, restart, or are replaced",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 1, .limit = 5}, {.replicas = 3, .limit = 2}},
          .specs = {{0, 1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition, What::kLoseMessage, What::kCrash, What::kMount,
                     What::kRestart, What::kEvict, What::kRefuse},
          .starts_settled = true,
          .most_states = 1'000'000};
}

Configuration on_and_off() {
  return {.name = "on and off",
          .about = "one StoragePool between no pod, one, and one with another limit",
          .menu = {{.replicas = 1, .limit = 1}, {.replicas = 0, .limit = 1}, {.replicas = 1, .limit = 3}},
          .specs = {{0, 1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition, What::kLoseMessage, What::kCrash, What::kMount,
                     What::kRestart, What::kEvict, What::kRefuse, What::kDeleteConfigMap,
                     What::kDeleteStatefulSet},
          .starts_settled = true,
          .most_states = 800'000};
}

Configuration single_pods() {
  return {.name = "single pods",
          .about = "two StoragePools with a pod each, between little and all",
          .menu = {{.replicas = 1, .limit = 1}, {.replicas = 1, .limit = 5}, {.replicas = 0}},
          .specs = {{0, 1}, {0, 1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition, What::kRefuse, What::kCrash},
          .starts_settled = true,
          .most_states = 1'000'000};
}

Configuration first_start() {
  return {.name = "first start",
          .about = "two StoragePools on a server that nobody knows",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 2, .limit = 2}},
          .specs = {{0}, {1}},
          .sizes = {6},
          .events = {What::kCrash, What::kPartition, What::kRefuse},
          .most_states = 800'000};
}

Configuration neighbours() {
  return {.name = "neighbours",
          .about = "two StoragePools that grow, shrink and come to nothing beside each other",
          .menu = {{.replicas = 2, .limit = 3},
                   {.replicas = 1, .limit = 3},
                   {.replicas = 1, .limit = 1},
                   {.replicas = 0}},
          .specs = {{0, 1}, {2, 1, 3}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition},
          .starts_settled = true,
          .most_states = 1'500'000};
}

Configuration strict() {
  Configuration world = neighbours();
  world.name = "strict";
  world.about = "one of two StoragePools wants all or what it has";
  world.menu[0].strict = true;
  world.most_states = 800'000;
  return world;
}

Configuration deletion() {
  return {.name = "deletion",
          .about = "one of two StoragePools is deleted while the other wants to grow",
          .menu = {{.replicas = 2, .limit = 2},
                   {.replicas = 1, .limit = 2},
                   {.replicas = 1, .limit = 5},
                   {.deleting = true}},
          .specs = {{0, 3}, {1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition, What::kCrash},
          .starts_settled = true,
          .most_states = 800'000};
}

Configuration three() {
  return {.name = "three",
          .about = "three StoragePools that come to nothing and back",
          .menu = {{.replicas = 1, .limit = 3}, {.replicas = 0, .limit = 3}, {.replicas = 1, .limit = 1}},
          .specs = {{0, 1}, {0, 1}, {1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition},
          .starts_settled = true,
          .most_states = 800'000};
}

Configuration answers_lost() {
  return {.name = "answers lost",
          .about = "two StoragePools change while answers to the operator's writes are lost, and some writes",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 1, .limit = 3}, {.replicas = 1, .limit = 1}},
          .specs = {{0, 1}, {2, 1}},
          .sizes = {6},
          .events = {What::kSpec, What::kLoseAnswer, What::kLoseWrite, What::kForgetDoubt, What::kRefuse},
          .starts_settled = true,
          .most_states = 1'000'000};
}

Configuration deletion_in_doubt() {
  return {
      .name = "deletion in doubt",
      .about =
          "one of two StoragePools is deleted, made or not, while a write of it is under way, and the "
          "other wants all",
      .menu = {{.replicas = 0, .limit = 3},
               {.replicas = 1, .limit = 3},
               {.deleting = true},
               {.replicas = 1, .limit = 6}},
      .specs = {{0, 1, 2}, {1, 3}},
      .sizes = {6},
      .events = {What::kSpec, What::kGiveUp, What::kForgetDoubt, What::kCollect, What::kDeleteStatefulSet},
      .starts_settled = true,
      .most_states = 800'000};
}

Configuration server_shrinks() {
  return {.name = "server shrinks",
          .about = "max_connections is lowered and raised beside two StoragePools",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 1, .limit = 4}, {.replicas = 1, .limit = 2}},
          .specs = {{0, 1}, {2, 1}},
          .sizes = {6, 3, 8},
          .events = {What::kSpec, What::kServer, What::kPartition},
          .starts_settled = true,
          .most_states = 700'000};
}

Configuration objects_deleted() {
  return {.name = "objects deleted",
          .about = "somebody deletes the ConfigMap or the StatefulSet of one of two StoragePools",
          .menu = {{.replicas = 2, .limit = 2}, {.replicas = 1, .limit = 4}, {.replicas = 1, .limit = 2}},
          .specs = {{0, 1}, {2}},
          .sizes = {6},
          .events = {What::kSpec, What::kDeleteConfigMap, What::kDeleteStatefulSet, What::kPartition,
                     What::kCrash},
          .starts_settled = true,
          .most_states = 1'000'000};
}

Configuration typing_error() {
  return {.name = "typing error",
          .about =
              "one of two StoragePools names a host that does not exist, or a wrong one, and comes back, "
              "while the other wants more and less",
          .menu = {{.replicas = 1, .limit = 3},
                   {.replicas = 1, .limit = 5},
                   {.replicas = 1, .limit = 3, .server = kNowhere},
                   {.replicas = 1, .limit = 3, .server = 1}},
          .specs = {{0, 2, 3}, {0, 1}},
          .sizes = {6},
          .events = {What::kSpec, What::kMount, What::kPartition, What::kCrash, What::kRefuse},
          .starts_settled = true,
          .all_serve = true,
          .most_states = 600'000};
}

Configuration moves() {
  return {.name = "moves",
          .about = "two StoragePools, of which one moves to the server that the other fills, and back",
          .menu = {{.replicas = 1, .limit = 5},
                   {.replicas = 1, .limit = 6, .server = 1},
                   {.replicas = 2, .limit = 2, .server = 1}},
          .specs = {{0, 2}, {1}},
          .sizes = {6},
          .events = {What::kSpec, What::kMount, What::kPartition, What::kCrash},
          .starts_settled = true,
          .most_states = 500'000};
}

Configuration moves_blindly() {
  return {.name = "moves blindly",
          .about =
              "a StoragePool begins at a host that does not exist, and goes to a server of which nothing "
              "is known while writes fail",
          .menu = {{.replicas = 2, .limit = 3, .server = kNowhere},
                   {.replicas = 2, .limit = 3, .server = 1},
                   {.replicas = 1, .limit = 5, .server = 0}},
          .specs = {{0, 1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kMount, What::kRefuse, What::kLoseAnswer, What::kForgetDoubt},
          .most_states = 600'000};
}

Configuration invalid_spec() {
  return {.name = "invalid spec",
          .about = "the spec of one of two StoragePools becomes one that cannot be read",
          .menu = {{.replicas = 2, .limit = 2},
                   {.replicas = 1, .limit = 2},
                   {.replicas = 1, .limit = 5},
                   {.valid = false}},
          .specs = {{0, 3}, {1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kPartition, What::kCrash},
          .starts_settled = true,
          .most_states = 700'000};
}

Configuration nodes_lost() {
  return {.name = "nodes lost",
          .about = "two StoragePools change beside each other while nodes are lost with their pods",
          .menu = {{.replicas = 2, .limit = 2},
                   {.replicas = 1, .limit = 4},
                   {.replicas = 1, .limit = 2},
                   {.deleting = true}},
          .specs = {{0, 1, 3}, {2, 1}},
          .sizes = {6},
          .events = {What::kSpec, What::kLoseNode, What::kCrash, What::kEvict},
          .starts_settled = true,
          .most_states = 800'000};
}

Configuration a_node_lost() {
  return {.name = "a node lost",
          .about = "one StoragePool between sizes and limits while nodes are lost with its pods",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 2, .limit = 1}, {.replicas = 1, .limit = 5}},
          .specs = {{0, 1, 2}},
          .sizes = {6},
          .events = {What::kSpec, What::kLoseNode, What::kCrash, What::kPartition},
          .starts_settled = true,
          .most_states = 700'000};
}

Configuration late_writes() {
  return {.name = "late writes",
          .about = "the operator loses its place to another one while its write is under way",
          .menu = {{.replicas = 2, .limit = 3}, {.replicas = 1, .limit = 5}},
          .specs = {{0, 1}},
          .sizes = {6},
          .events = {What::kSpec, What::kPause, What::kPartition},
          .starts_settled = true,
          .by_objects_alone = true,
          .most_states = 800'000};
}

Configuration other_workloads() {
  return {
      .name = "other workloads",
      .about =
          "a StoragePool that wants all beside a workload that grows and falls, with an autoscaler or not",
      .menu = {{.replicas = 2, .limit = 3}, {.replicas = 1, .limit = 6}, {.replicas = 1, .limit = 1}},
      .specs = {{0, 1, 2}},
      .sizes = {6},
      .events = {What::kSpec, What::kPartition, What::kRefuse},
      .other = {.connections = 2, .replicas = {1, 0, 2}, .most = 2},
      .starts_settled = true,
      .most_states = 800'000};
}

}  // namespace

const std::vector<Configuration>& configurations() {
  static const std::vector<Configuration> all{
      on_and_off(),      resizes(),    first_start(),  neighbours(),        single_pods(),
      strict(),          three(),      deletion(),     answers_lost(),      server_shrinks(),
      objects_deleted(), moves(),      invalid_spec(), late_writes(),       typing_error(),
      moves_blindly(),   nodes_lost(), a_node_lost(),  deletion_in_doubt(), other_workloads()};
  return all;
}

const Configuration& configuration_named(std::string_view name) {
  const auto& all = configurations();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Configuration& configuration) { return configuration.name == name; });
  if (found == all.end()) std::abort();
  return *found;
}

}  // namespace storagepool::reconcile::explorer
