// monitors reads manifests on standard input and decodes the Prometheus operator's kinds among them into that operator's own
// types: a field that they do not have, or of another type, is an error.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "monitors:", err)
		os.Exit(2)
	}
	count, failed := 0, false
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			fmt.Println("monitors:", err)
			failed = true
			continue
		}
		if head.APIVersion != "monitoring.coreos.com/v1" {
			continue
		}
		kinds := map[string]any{
			monitoring.ServiceMonitorsKind: &monitoring.ServiceMonitor{},
			monitoring.PodMonitorsKind:     &monitoring.PodMonitor{},
			monitoring.PrometheusRuleKind:  &monitoring.PrometheusRule{},
		}
		count++
		object, known := kinds[head.Kind]
		if !known {
			err = fmt.Errorf("not a kind that is known here")
		} else {
			err = yaml.UnmarshalStrict(document, object)
		}
		if err != nil {
			fmt.Printf("%s: %v\n", head.Kind, err)
			failed = true
		}
	}
	fmt.Println(count, "objects of the Prometheus operator")
	if failed {
		os.Exit(1)
	}
}
