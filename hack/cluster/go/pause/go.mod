module storagepool/hack/cluster/pause

go 1.25.0
