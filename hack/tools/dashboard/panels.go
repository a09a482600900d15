package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

var prometheusSource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// query is an expression, and how each of its series is called.
type query struct{ expression, legend string }

func panel(title, unit, description string, queries ...query) *timeseries.PanelBuilder {
	builder := timeseries.NewPanelBuilder().Title(title).Description(description).Unit(unit).
		Datasource(prometheusSource).
		Span(8).Height(8).Min(0).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).Calcs([]string{})).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, each := range queries {
		builder.WithTarget(prometheus.NewDataqueryBuilder().Datasource(prometheusSource).
			RefId(string(rune('A' + i))).Expr(each.expression).LegendFormat(each.legend).Range())
	}
	return builder
}

func stacked(builder *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return builder.FillOpacity(50).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// budget is the picture of one server: what its StoragePools may hold, one on the other, below what it can give.
func budget() *timeseries.PanelBuilder {
	bound := []dashboard.DynamicConfigValue{
		{Id: "custom.stacking", Value: map[string]any{"mode": "none"}},
		{Id: "custom.fillOpacity", Value: 0},
		{Id: "custom.lineWidth", Value: 2},
		{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": "red"}},
	}
	return stacked(panel("Budget of $server", "short",
		"What the pods of each StoragePool may hold, added up, and what the server can give.",
		query{`sum by (namespace, name) (storagepool_connections_granted{server=~"$server"})`, "{{namespace}}/{{name}}"},
		query{`max(storagepool_connections_usable{server=~"$server"})`, "usable"})).
		OverrideByName("usable", bound).
		Repeat("server").RepeatDirection(dashboard.PanelRepeatDirectionH).MaxPerRow(2).Span(24).Height(10)
}

func conditions() *table.PanelBuilder {
	return table.NewPanelBuilder().Title("Conditions that are not as they should be").
		Description("kubectl describe sp NAME has the message of each.").
		Datasource(prometheusSource).Span(24).Height(6).NoValue("all is well").
		WithTarget(prometheus.NewDataqueryBuilder().Datasource(prometheusSource).RefId("A").
			Expr(`max by (namespace, name, type, status, reason) (storagepool_condition{namespace=~"$namespace", name=~"$storagepool"})`).
			Instant().Format(prometheus.PromQueryFormatTable)).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true, "Value": true}}})
}
