module storagepool.dev/hack/tools/dashboard

go 1.26.0

tool storagepool.dev/hack/tools/dashboard

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
