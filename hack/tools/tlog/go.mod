module storagepool.dev/hack/tools/tlog

go 1.26.0

tool storagepool.dev/hack/tools/tlog

require golang.org/x/mod v0.43.0
