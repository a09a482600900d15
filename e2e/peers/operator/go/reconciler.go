package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	finalizer     = "storagepool.dev/drain"
	instanceLabel = "app.kubernetes.io/instance"
)

// Reconciler brings one StoragePool at a time to what its spec says.
type Reconciler struct {
	client.Client
	recorder events.EventRecorder
	template *template
	pods     *poller
}

func (r *Reconciler) setUp(manager ctrl.Manager, workers int) error {
	byInstance := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, pod client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{
			Namespace: pod.GetNamespace(), Name: pod.GetLabels()[instanceLabel]}}}
	})
	if err := manager.GetFieldIndexer().IndexField(context.Background(), &corev1.Pod{}, instanceLabel,
		func(pod client.Object) []string { return []string{pod.GetLabels()[instanceLabel]} }); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).
		For(&StoragePool{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&corev1.ServiceAccount{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Service{}).
		Owns(&appsv1.StatefulSet{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&corev1.Pod{}, byInstance).
		WatchesRawSource(source.Channel(r.pods.changed, &handler.TypedEnqueueRequestForObject[client.Object]{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Named("storagepool").
		Complete(r)
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pool := &StoragePool{}
	if err := r.Get(ctx, request.NamespacedName, pool); err != nil {
		r.pods.follow(request.NamespacedName, nil)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !pool.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.release(ctx, pool)
	}
	if !controllerutil.ContainsFinalizer(pool, finalizer) {
		before := client.MergeFromWithOptions(pool.DeepCopyObject().(*StoragePool), client.MergeFromWithOptimisticLock{})
		controllerutil.AddFinalizer(pool, finalizer)
		if err := r.Patch(ctx, pool, before); err != nil {
			return ctrl.Result{}, err
		}
	}
	var list corev1.PodList
	if err := r.List(ctx, &list, client.InNamespace(pool.Namespace), client.MatchingFields{instanceLabel: pool.Name}); err != nil {
		return ctrl.Result{}, err
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	reports := r.pods.reports(list.Items)
	grant, err := r.decide(ctx, pool, reports)
	if err != nil {
		return ctrl.Result{}, err
	}
	for index := range r.template.Children {
		if err := r.ensure(ctx, index, pool, grant); err != nil {
			return ctrl.Result{}, err
		}
	}
	r.pods.follow(request.NamespacedName, wanted(list.Items, grant))
	return ctrl.Result{}, r.writeStatus(ctx, pool, grant, list.Items, reports)
}

func (r *Reconciler) release(ctx context.Context, pool *StoragePool) error {
	if !controllerutil.ContainsFinalizer(pool, finalizer) {
		return nil
	}
	before := client.MergeFrom(pool.DeepCopyObject().(*StoragePool))
	controllerutil.RemoveFinalizer(pool, finalizer)
	return client.IgnoreNotFound(r.Patch(ctx, pool, before))
}

// One pod with one connection until it has told what the server gives, then all of them.
func (r *Reconciler) decide(ctx context.Context, pool *StoragePool, reports []*report) (grant, error) {
	var config corev1.ConfigMap
	key := types.NamespacedName{Namespace: pool.Namespace, Name: pool.Name + "-config"}
	if err := r.Get(ctx, key, &config); client.IgnoreNotFound(err) != nil {
		return grant{}, err
	}
	known := func(name string) int64 {
		number, _ := strconv.ParseInt(config.Annotations[name], 10, 64)
		return number
	}
	decided := grant{generation: known(generationAnnotation), limit: known(ceilingAnnotation), replicas: 1}
	limit := max(decided.limit, 1)
	if usable := usableOf(reports); usable > 0 {
		limit = min(pool.Spec.Pool.MaxOpenConns, usable/int64(max(pool.Spec.Replicas, 1)))
	} else if decided.limit > 0 {
		limit = min(limit, pool.Spec.Pool.MaxOpenConns)
	}
	var set appsv1.StatefulSet
	if err := r.Get(ctx, client.ObjectKeyFromObject(pool), &set); client.IgnoreNotFound(err) != nil {
		return grant{}, err
	}
	if usableOf(reports) > 0 || (set.Spec.Replicas != nil && *set.Spec.Replicas > 1) {
		decided.replicas = pool.Spec.Replicas
	}
	if limit != decided.limit {
		decided.generation++
		decided.limit = limit
	}
	return decided, nil
}

// The name under which ours keeps the limit, too.
const ceilingAnnotation = "storagepool.dev/limit-ceiling"

func usableOf(reports []*report) int64 {
	for _, report := range reports {
		if report != nil && report.facts.MaxConnections > 0 {
			return report.facts.MaxConnections - report.facts.SuperuserReservedConnections
		}
	}
	return 0
}

func (r *Reconciler) ensure(ctx context.Context, index int, pool *StoragePool, g grant) error {
	object, err := empty(r.template.of[index].Kind)
	if err != nil {
		return err
	}
	key := types.NamespacedName{Namespace: pool.Namespace, Name: r.template.nameOf(index, pool.Name)}
	err = r.Get(ctx, key, object)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	found := err == nil
	if found && !metav1.IsControlledBy(object, pool) {
		return fmt.Errorf("there is a %s %s already, which is not this StoragePool's", r.template.of[index].Kind, key)
	}
	if found && object.GetAnnotations()[hashAnnotation] == r.template.hashOf(index, pool, g) {
		return nil
	}
	wanted, err := r.template.render(index, pool, g)
	if err != nil {
		return err
	}
	if !found {
		return client.IgnoreAlreadyExists(r.Create(ctx, wanted)) // of a cache that is behind
	}
	wanted.SetResourceVersion(object.GetResourceVersion())
	if service, ok := wanted.(*corev1.Service); ok {
		live := object.(*corev1.Service)
		service.Spec.ClusterIP, service.Spec.ClusterIPs = live.Spec.ClusterIP, live.Spec.ClusterIPs
	}
	return r.Update(ctx, wanted)
}

func wanted(pods []corev1.Pod, g grant) []wantedPod {
	wanted := make([]wantedPod, 0, len(pods))
	for i := range pods {
		pod := &pods[i]
		if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
			continue
		}
		wanted = append(wanted, wantedPod{uid: pod.UID, ip: pod.Status.PodIP, generation: g.generation, limit: g.limit})
	}
	return wanted
}

func (r *Reconciler) writeStatus(ctx context.Context, pool *StoragePool, g grant, pods []corev1.Pod, reports []*report) error {
	before := pool.Status
	pool.Status = statusOf(pool, g, pods, reports)
	if equality.Semantic.DeepEqual(before, pool.Status) {
		return nil
	}
	if err := r.Status().Update(ctx, pool); err != nil {
		return err
	}
	if meta.IsStatusConditionTrue(pool.Status.Conditions, "Ready") && !meta.IsStatusConditionTrue(before.Conditions, "Ready") {
		r.recorder.Eventf(pool, nil, corev1.EventTypeNormal, "Ready", "Reconcile", "all %d pods are ready", len(pods))
	}
	return nil
}

func statusOf(pool *StoragePool, g grant, pods []corev1.Pod, reports []*report) StoragePoolStatus {
	status := StoragePoolStatus{
		ObservedGeneration: pool.Generation,
		SettingsGeneration: g.generation,
		Selector:           "app.kubernetes.io/name=storagepool,app.kubernetes.io/instance=" + pool.Name,
		Conditions:         slices.Clone(pool.Status.Conditions),
		ConnectionBudget: &ConnectionBudget{Granted: int64(g.replicas) * g.limit, PerPod: g.limit,
			PeakPods: int64(g.replicas), Usable: usableOf(reports)},
	}
	confirmed := 0
	for i := range pods {
		pod := PodStatus{Name: pods[i].Name, Ready: isReady(&pods[i])}
		if report := reports[i]; report != nil {
			pod.AppliedGeneration, pod.MaxOpenConns = report.AppliedGeneration, report.Settings.MaxOpenConns
			if report.AppliedGeneration >= g.generation {
				confirmed++
			}
		}
		if pod.Ready {
			status.ReadyReplicas++
		}
		status.Pods = append(status.Pods, pod)
	}
	status.Replicas = int32(len(pods))
	status.Ready = fmt.Sprintf("%d/%d", status.ReadyReplicas, pool.Spec.Replicas)
	ready := status.ReadyReplicas == pool.Spec.Replicas && confirmed == int(pool.Spec.Replicas)
	heard := usableOf(reports) > 0
	setCondition(&status, "Ready", ready, "Ready", "Progressing", "all pods are ready and have their settings in force",
		fmt.Sprintf("%d of %d pods are ready, %d have their settings in force", status.ReadyReplicas, pool.Spec.Replicas, confirmed))
	setCondition(&status, "Reconciling", !ready, "Progressing", "Done", "waiting for pods", "everything is as the spec says")
	setCondition(&status, "Stalled", false, "Stalled", "NotStalled", "", "nothing is in the way")
	setCondition(&status, "PostgresReachable", heard, "Connected", "NotYetReported", "the pods reach PostgreSQL",
		"no pod has reported yet whether it reaches PostgreSQL")
	setCondition(&status, "BudgetExceeded", false, "Exceeded", "WithinBudget", "", "the connections fit into what the server gives")
	setCondition(&status, "PodsFailing", false, "Failing", "NoneFailing", "", "no pod is failing")
	return status
}

func setCondition(status *StoragePoolStatus, kind string, is bool, yes, no, messageYes, messageNo string) {
	condition := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: no, Message: messageNo,
		ObservedGeneration: status.ObservedGeneration}
	if is {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionTrue, yes, messageYes
	}
	meta.SetStatusCondition(&status.Conditions, condition)
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func wake(pool types.NamespacedName) event.GenericEvent {
	return event.GenericEvent{Object: &StoragePool{ObjectMeta: metav1.ObjectMeta{Namespace: pool.Namespace, Name: pool.Name}}}
}
