// dashboard prints charts/storagepool/files/dashboard.json: Grafana's schema, by the SDK of its makers.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func variable(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).
		Datasource(prometheusSource).
		Query(dashboard.StringOrMap{String: cog.ToPtr(query)}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).IncludeAll(true).AllValue(".*")
}

func build() (dashboard.Dashboard, error) {
	builder := dashboard.NewDashboardBuilder("StoragePools").
		Uid("storagepool").
		Description("Connections of StoragePools against what their servers can give, and the pods and the operator that keep it so.").
		Tags([]string{"storagepool", "postgresql"}).
		Time("now-1h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(variable("namespace", "Namespace", "label_values(storagepool_connections_granted, namespace)")).
		WithVariable(variable("storagepool", "StoragePool",
			`label_values(storagepool_connections_granted{namespace=~"$namespace"}, name)`)).
		WithVariable(variable("server", "Server",
			`label_values(storagepool_connections_granted{namespace=~"$namespace", name=~"$storagepool"}, server)`))
	for _, row := range rows() {
		builder.WithRow(dashboard.NewRowBuilder(row.title))
		for _, panel := range row.panels {
			builder.WithPanel(panel)
		}
	}
	return builder.Build()
}

func main() {
	built, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(built); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}
