// flux reads manifests on standard input and decodes Flux's kinds among them into Flux's own types: a field that they do not
// have, or of another type, is an error.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	"sigs.k8s.io/yaml"
)

func decode(document []byte) (string, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", err
	}
	kinds := map[string]any{
		helm.GroupVersion.String() + "/HelmRelease":        &helm.HelmRelease{},
		kustomize.GroupVersion.String() + "/Kustomization": &kustomize.Kustomization{},
		source.GroupVersion.String() + "/GitRepository":    &source.GitRepository{},
		source.GroupVersion.String() + "/OCIRepository":    &source.OCIRepository{},
	}
	name := head.APIVersion + "/" + head.Kind
	object, known := kinds[name]
	if !known {
		return "", fmt.Errorf("%s is no kind of Flux's", name)
	}
	return name, yaml.UnmarshalStrict(document, object)
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "flux:", err)
		os.Exit(2)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		name, err := decode(document)
		if err != nil {
			fmt.Fprintln(os.Stderr, "flux:", err)
			os.Exit(1)
		}
		fmt.Println(name)
	}
}
