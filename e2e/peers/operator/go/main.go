// An operator for StoragePools as controller-runtime has one write it: what e2e/peers/operator/bench measures beside ours.
// It makes the same children, asks the same pods and writes a status like ours, and knows no budget.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2/textlogger"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

type options struct {
	kubeconfig, namespace, children string
	healthAddress, metricsAddress   string
	workers                         int
}

func parse() options {
	var o options
	flags := flag.NewFlagSet("operator-peer", flag.ExitOnError) // the package's own has a --kubeconfig of controller-runtime
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file")
	flags.StringVar(&o.namespace, "namespace", "default", "namespace of the Lease")
	flags.StringVar(&o.children, "children", "", "what is made of a StoragePool, as operator_world writes it")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "/healthz, /readyz")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":9090", "/metrics")
	flags.IntVar(&o.workers, "max-concurrent-reconciles", 4, "StoragePools that are looked at at the same time")
	_ = flags.Parse(os.Args[1:]) // it exits on errors
	return o
}

func main() {
	if err := run(parse()); err != nil {
		fmt.Fprintln(os.Stderr, "operator-peer:", err)
		os.Exit(1)
	}
}

// Only what carries the label of the operator, and nothing that nobody reads.
func caches() cache.Options {
	managed := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": "storagepool-operator"})}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ServiceAccount{}: managed, &corev1.ConfigMap{}: managed, &corev1.Service{}: managed,
			&corev1.Pod{}: managed, &appsv1.StatefulSet{}: managed, &policyv1.PodDisruptionBudget{}: managed,
		},
	}
}

func run(o options) error {
	ctrl.SetLogger(textlogger.NewLogger(textlogger.NewConfig()))
	template, err := readTemplate(o.children)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // the API server's own fairness limits it
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	addToScheme(scheme)
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         caches(),
		LeaderElection:                true,
		LeaderElectionID:              "storagepool-operator",
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       server.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
	})
	if err != nil {
		return err
	}
	// Ready as ours is: when the caches are filled, or another leads.
	synced := make(chan struct{})
	if err := manager.AddReadyzCheck("caches", func(*http.Request) error {
		select {
		case <-synced:
			return nil
		default:
			return fmt.Errorf("waiting for the first lists")
		}
	}); err != nil {
		return err
	}
	pods := newPoller()
	reconciler := &Reconciler{
		Client:   manager.GetClient(),
		recorder: manager.GetEventRecorder("storagepool-operator"),
		template: template,
		pods:     pods,
	}
	if err := reconciler.setUp(manager, o.workers); err != nil {
		return err
	}
	if err := manager.Add(pods); err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	go func() {
		if manager.GetCache().WaitForCacheSync(ctx) {
			close(synced)
		}
	}()
	return manager.Start(ctx)
}
