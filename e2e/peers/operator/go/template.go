package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	hashAnnotation       = "storagepool.dev/hash"
	generationAnnotation = "storagepool.dev/generation"
)

// What is made of a StoragePool: text in which words stand for what differs between StoragePools.
type template struct {
	Children   []json.RawMessage `json:"children"`
	Name       string            `json:"name"`
	UID        string            `json:"uid"`
	Host       string            `json:"host"`
	Limit      int64             `json:"limit"`
	Generation int64             `json:"generation"`

	hash string
	of   []metav1.PartialObjectMetadata // of each child
}

func readTemplate(file string) (*template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--children: %w", err)
	}
	var t template
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("--children %s: %w", file, err)
	}
	t.of = make([]metav1.PartialObjectMetadata, len(t.Children))
	for i, child := range t.Children {
		if err := json.Unmarshal(child, &t.of[i]); err != nil {
			return nil, fmt.Errorf("--children %s: %w", file, err)
		}
	}
	sum := sha256.Sum256(text)
	t.hash = hex.EncodeToString(sum[:8])
	return &t, nil
}

// What the operator has decided for the pods.
type grant struct {
	generation, limit int64
	replicas          int32
}

// Changes with what the child is made from.
func (t *template) hashOf(index int, pool *StoragePool, g grant) string {
	sum := sha256.New()
	fmt.Fprint(sum, t.hash, index, pool.UID, pool.Spec.Postgres.Host)
	switch t.of[index].Kind {
	case "ConfigMap":
		fmt.Fprint(sum, g.generation, g.limit)
	case "StatefulSet":
		fmt.Fprint(sum, g.replicas)
	case "Service":
		_ = json.NewEncoder(sum).Encode(pool.Spec.Service.Annotations) // a map of strings
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func empty(kind string) (client.Object, error) {
	switch kind {
	case "ServiceAccount":
		return &corev1.ServiceAccount{}, nil
	case "ConfigMap":
		return &corev1.ConfigMap{}, nil
	case "Service":
		return &corev1.Service{}, nil
	case "StatefulSet":
		return &appsv1.StatefulSet{}, nil
	case "PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}, nil
	}
	return nil, fmt.Errorf("a child of the kind %q, which is not expected", kind)
}

func (t *template) nameOf(index int, pool string) string {
	return pool + strings.TrimPrefix(t.of[index].Name, t.Name)
}

func (t *template) render(index int, pool *StoragePool, g grant) (client.Object, error) {
	text := strings.NewReplacer(
		t.Name, pool.Name, t.UID, string(pool.UID), t.Host, pool.Spec.Postgres.Host,
		strconv.FormatInt(t.Limit, 10), strconv.FormatInt(g.limit, 10),
		strconv.FormatInt(t.Generation, 10), strconv.FormatInt(g.generation, 10),
	).Replace(string(t.Children[index]))
	object, err := empty(t.of[index].Kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), object); err != nil {
		return nil, err
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	switch child := object.(type) {
	case *corev1.ConfigMap:
		annotations[generationAnnotation] = strconv.FormatInt(g.generation, 10)
	case *appsv1.StatefulSet:
		child.Spec.Replicas = &g.replicas
	case *corev1.Service:
		if child.Name == pool.Name {
			for key, value := range pool.Spec.Service.Annotations {
				annotations[key] = value
			}
		}
	}
	annotations[hashAnnotation] = t.hashOf(index, pool, g)
	object.SetAnnotations(annotations)
	return object, nil
}
