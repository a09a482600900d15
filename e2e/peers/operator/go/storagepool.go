package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "storagepool.dev", Version: "v1alpha1"}

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(groupVersion, &StoragePool{}, &StoragePoolList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
}

type StoragePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              StoragePoolSpec   `json:"spec,omitempty"`
	Status            StoragePoolStatus `json:"status,omitempty"`
}

type StoragePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []StoragePool `json:"items"`
}

// What this operator reads of a spec.
type StoragePoolSpec struct {
	Replicas int32 `json:"replicas"`
	Postgres struct {
		Host string `json:"host"`
	} `json:"postgres"`
	Pool struct {
		MaxOpenConns int64 `json:"maxOpenConns,omitempty"`
	} `json:"pool"`
	Service struct {
		Annotations map[string]string `json:"annotations,omitempty"`
	} `json:"service"`
}

type StoragePoolStatus struct {
	ObservedGeneration int64              `json:"observedGeneration"`
	SettingsGeneration int64              `json:"settingsGeneration,omitempty"`
	Replicas           int32              `json:"replicas"`
	ReadyReplicas      int32              `json:"readyReplicas"`
	Ready              string             `json:"ready,omitempty"`
	Selector           string             `json:"selector,omitempty"`
	ConnectionBudget   *ConnectionBudget  `json:"connectionBudget,omitempty"`
	Pods               []PodStatus        `json:"pods,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ConnectionBudget struct {
	ServerMax int64 `json:"serverMax,omitempty"`
	Reserved  int64 `json:"reserved,omitempty"`
	Usable    int64 `json:"usable,omitempty"`
	Granted   int64 `json:"granted"`
	PerPod    int64 `json:"perPod"`
	PeakPods  int64 `json:"peakPods"`
}

type PodStatus struct {
	Name              string `json:"name"`
	Ready             bool   `json:"ready"`
	AppliedGeneration int64  `json:"appliedGeneration,omitempty"`
	MaxOpenConns      int64  `json:"maxOpenConns,omitempty"`
}

func (in *StoragePool) DeepCopyObject() runtime.Object {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if annotations := in.Spec.Service.Annotations; annotations != nil {
		out.Spec.Service.Annotations = make(map[string]string, len(annotations))
		for key, value := range annotations {
			out.Spec.Service.Annotations[key] = value
		}
	}
	if budget := in.Status.ConnectionBudget; budget != nil {
		copied := *budget
		out.Status.ConnectionBudget = &copied
	}
	out.Status.Pods = append([]PodStatus(nil), in.Status.Pods...)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *StoragePoolList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]StoragePool, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopyObject().(*StoragePool)
	}
	return &out
}
