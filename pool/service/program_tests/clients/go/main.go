// Drives a pod with the client that ogen generates from the pod's own OpenAPI document: every operation of the API, the
// health and the metrics port. Prints a line for each answer; the first that is not as expected ends it with status 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-faster/jx"
	"github.com/google/uuid"

	"storagepool.dev/client/audit"
)

var token = flag.String("token", "", "bearer token")
var api = flag.String("api", "", "address of the API port, as http://127.0.0.1:8080")
var health = flag.String("health", "", "address of the health port")
var metrics = flag.String("metrics", "", "address of the metrics port")
var away = flag.Bool("away", false, "PostgreSQL is away: writes are queued, reads are refused")

const (
	workspace = "generated"
	kept      = "kept" // a workspace that is there when PostgreSQL is away
)

type bearer struct{}

func (bearer) Bearer(context.Context, audit.OperationName) (audit.Bearer, error) {
	return audit.Bearer{Token: *token}, nil
}

func (bearer) Admin(context.Context, audit.OperationName) (audit.Admin, error) {
	return audit.Admin{}, fmt.Errorf("the administration is the operator's")
}

func connect(address string) *audit.Client {
	client, err := audit.NewClient(address, bearer{})
	if err != nil {
		fail("client", err)
	}
	return client
}

func fail(operation string, got any) {
	fmt.Printf("%s: got %T %+v\n", operation, got, got)
	os.Exit(1)
}

// want returns the answer if it is a T.
func want[T any](operation string, answer any, err error) T {
	if err != nil {
		fail(operation, err)
	}
	typed, ok := answer.(T)
	if !ok {
		fail(operation, answer)
	}
	fmt.Printf("%s: %T\n", operation, answer)
	return typed
}

func require(operation string, condition bool, got any) {
	if !condition {
		fail(operation, got)
	}
}

func event() audit.NewEvent {
	return audit.NewEvent{
		Version: "1.0", EventType: "client.generated", EventTimestamp: time.Now(), EventCategory: "client",
		EventAction: "generated", EventOutcome: audit.NewEventEventOutcomeSuccess, CorrelationID: "generated-1",
		EventData: audit.NewEventEventData{"alert": jx.Raw(`"HighCPU"`)}, ActorIP: audit.NewOptNilString("2001:db8::1"),
		DurationMs: audit.NewOptNilInt64(12),
	}
}

func whileThere(ctx context.Context, client *audit.Client) {
	made, err := client.CreateWorkspace(ctx, audit.CreateWorkspaceParams{Workspace: workspace})
	want[*audit.CreateWorkspaceCreated]("createWorkspace", made, err)
	again, err := client.CreateWorkspace(ctx, audit.CreateWorkspaceParams{Workspace: workspace})
	want[*audit.CreateWorkspaceOK]("createWorkspace", again, err)
	one, err := client.GetWorkspace(ctx, audit.GetWorkspaceParams{Workspace: workspace})
	require("getWorkspace", want[*audit.Workspace]("getWorkspace", one, err).State == audit.WorkspaceStateReady, one)
	all, err := client.ListWorkspaces(ctx, audit.ListWorkspacesParams{})
	require("listWorkspaces", len(want[*audit.Workspaces]("listWorkspaces", all, err).Workspaces) > 0, all)

	parent := event()
	answer, err := client.CreateEvent(ctx, &parent, audit.CreateEventParams{})
	created := want[*audit.Created]("createEvent", answer, err)
	child := event()
	child.ParentEventID = audit.NewOptNilUUID(created.EventID)
	batch, err := client.CreateEvents(ctx, []audit.NewEvent{child, event()},
		audit.CreateEventsParams{Prefer: audit.NewOptString("receipt")})
	both := want[*audit.BatchCreated]("createEvents", batch, err)
	ids := both.EventIds
	require("createEvents", len(ids) == 2 && len(both.Receipt.Value.Entries) == 2, batch)
	read, err := client.GetEvent(ctx, audit.GetEventParams{EventID: ids[0]})
	found := want[*audit.Event]("getEvent", read, err)
	date := created.EventTimestamp.UTC().Truncate(24 * time.Hour)
	require("getEvent", found.ParentEventID.Value == created.EventID && found.ParentEventDate.Value.Equal(date), found)
	none, err := client.GetEvent(ctx, audit.GetEventParams{EventID: uuid.New()})
	want[*audit.GetEventNotFound]("getEvent", none, err)
	page, err := client.ListEvents(ctx, audit.ListEventsParams{
		CorrelationID: audit.NewOptString("generated-1"), Since: audit.NewOptBound("24h"), Limit: audit.NewOptInt(2),
		Detail: audit.NewOptDetail(audit.Detail{DetailKey: "alert", DetailValue: "HighCPU"}),
	})
	first := want[*audit.EventPage]("listEvents", page, err)
	require("listEvents", len(first.Data) == 2 && first.Pagination.Total.Value == 3 && first.Pagination.HasMore, first)
	page, err = client.ListEvents(ctx, audit.ListEventsParams{
		CorrelationID: audit.NewOptString("generated-1"), Cursor: first.Pagination.Next,
	})
	require("listEvents", len(want[*audit.EventPage]("listEvents", page, err).Data) == 1, page)
	bad := event()
	bad.EventTimestamp = time.Now().Add(24 * time.Hour)
	refused, err := client.CreateEvent(ctx, &bad, audit.CreateEventParams{})
	want[*audit.CreateEventBadRequest]("createEvent", refused, err)

	ofLog(ctx, client, ids[0])
	holdAndErase(ctx, client, ids[0])
	inWorkspace(ctx, client)
	stays, err := client.CreateWorkspace(ctx, audit.CreateWorkspaceParams{Workspace: kept})
	want[*audit.CreateWorkspaceCreated]("createWorkspace", stays, err)
	gone, err := client.DeleteWorkspace(ctx, audit.DeleteWorkspaceParams{Workspace: workspace})
	want[*audit.Workspace]("deleteWorkspace", gone, err)
	figures(ctx, client)
}

// These need no PostgreSQL.
func figures(ctx context.Context, client *audit.Client) {
	stats, err := client.ConnectionStats(ctx)
	want[*audit.ConnectionStats]("connectionStats", stats, err)
	database, err := client.DatabaseMetrics(ctx)
	want[*audit.DatabaseMetrics]("databaseMetrics", database, err)
	document, err := client.Openapi(ctx)
	want[*audit.Document]("openapi", document, err)
}

func text(operation string, of io.Reader) string {
	bytes, err := io.ReadAll(of)
	require(operation, err == nil && len(bytes) > 0, err)
	return string(bytes)
}

func ofLog(ctx context.Context, client *audit.Client, event uuid.UUID) {
	var proof audit.ProveEventRes
	var err error
	for sealed := false; !sealed && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		proof, err = client.ProveEvent(ctx, audit.ProveEventParams{EventID: event})
		_, notYet := proof.(*audit.ProveEventConflict)
		sealed = err != nil || !notYet
	}
	proven := text("proveEvent", want[*audit.ProveEventOK]("proveEvent", proof, err).Data)
	require("proveEvent", strings.HasPrefix(proven, "c2sp.org/tlog-proof@v1\n"), proven)
	checkpoint, err := client.GetCheckpoint(ctx)
	note := text("getCheckpoint", want[*audit.GetCheckpointOK]("getCheckpoint", checkpoint, err).Data)
	status, err := client.GetLogStatus(ctx)
	log := want[*audit.LogStatus]("getLogStatus", status, err)
	require("getLogStatus", strings.HasPrefix(note, log.Origin+"\n") && log.Size >= 3, log)
	tile, err := client.GetTile(ctx, audit.GetTileParams{Tile: "0/000.p/1"})
	require("getTile", len(text("getTile", want[*audit.GetTileOK]("getTile", tile, err).Data)) == 32, tile)
	page, err := client.FollowEvents(ctx, audit.FollowEventsParams{From: "earliest", Limit: audit.NewOptInt(2)})
	first := want[*audit.FeedPage]("followEvents", page, err)
	require("followEvents", len(first.Data) == 2 && first.Next != "", first)
	verified, err := client.VerifyChain(ctx, &audit.VerifyChainReq{CorrelationID: "generated-1"})
	chain := want[*audit.Chain]("verifyChain", verified, err)
	require("verifyChain", chain.IsValid && chain.TotalEvents == 3 && chain.VerifiedEvents == 3, chain)
	exported, err := client.ExportEvents(ctx, audit.ExportEventsParams{
		CorrelationID: audit.NewOptString("generated-1"), IncludeDetachedSignature: audit.NewOptBool(true),
	})
	export := want[*audit.Export]("exportEvents", exported, err)
	require("exportEvents", len(export.Events) == 3 && export.DetachedSignature.Value != "", export)
}

func holdAndErase(ctx context.Context, client *audit.Client, event uuid.UUID) {
	placed, err := client.PlaceLegalHold(ctx, &audit.PlaceLegalHoldReq{CorrelationID: "generated-1", Reason: "a case"})
	hold := want[*audit.LegalHold]("placeLegalHold", placed, err)
	require("placeLegalHold", hold.EventsAffected == 3 && hold.Reason == "a case", hold)
	listed, err := client.ListLegalHolds(ctx, audit.ListLegalHoldsParams{})
	all := want[*audit.ListLegalHoldsOK]("listLegalHolds", listed, err)
	require("listLegalHolds", all.Total >= 1 && all.Holds[0].HoldID == hold.HoldID, all)
	reason := audit.EraseEventReq{Reason: "asked for"}
	held, err := client.EraseEvent(ctx, &reason, audit.EraseEventParams{EventID: event})
	want[*audit.EraseEventConflict]("eraseEvent", held, err)
	released, err := client.ReleaseLegalHold(ctx, &audit.ReleaseLegalHoldReq{ReleaseReason: "closed"},
		audit.ReleaseLegalHoldParams{CorrelationID: "generated-1", HoldID: audit.NewOptUUID(hold.HoldID)})
	require("releaseLegalHold", want[*audit.ReleaseLegalHoldOK]("releaseLegalHold", released, err).EventsReleased == 3, released)
	erased, err := client.EraseEvent(ctx, &reason, audit.EraseEventParams{EventID: event})
	require("eraseEvent", len(want[*audit.EraseEventOK]("eraseEvent", erased, err).EventDataSHA256) == 64, erased)
}

func inWorkspace(ctx context.Context, client *audit.Client) {
	one := event()
	answer, err := client.CreateEventInWorkspace(ctx, &one, audit.CreateEventInWorkspaceParams{Workspace: workspace})
	created := want[*audit.Created]("createEventInWorkspace", answer, err)
	batch, err := client.CreateEventsInWorkspace(ctx, []audit.NewEvent{event()},
		audit.CreateEventsInWorkspaceParams{Workspace: workspace})
	want[*audit.BatchCreated]("createEventsInWorkspace", batch, err)
	read, err := client.GetEventInWorkspace(ctx,
		audit.GetEventInWorkspaceParams{Workspace: workspace, EventID: created.EventID})
	want[*audit.Event]("getEventInWorkspace", read, err)
	placed, err := client.PlaceLegalHoldInWorkspace(ctx,
		&audit.PlaceLegalHoldInWorkspaceReq{CorrelationID: "generated-1", Reason: "a case"},
		audit.PlaceLegalHoldInWorkspaceParams{Workspace: workspace})
	require("placeLegalHoldInWorkspace", want[*audit.LegalHold]("placeLegalHoldInWorkspace", placed, err).EventsAffected == 2, placed)
	held, err := client.DeleteWorkspace(ctx, audit.DeleteWorkspaceParams{Workspace: workspace})
	want[*audit.DeleteWorkspaceConflict]("deleteWorkspace", held, err)
	holds, err := client.ListLegalHoldsInWorkspace(ctx, audit.ListLegalHoldsInWorkspaceParams{Workspace: workspace})
	require("listLegalHoldsInWorkspace",
		want[*audit.ListLegalHoldsInWorkspaceOK]("listLegalHoldsInWorkspace", holds, err).Total == 1, holds)
	released, err := client.ReleaseLegalHoldInWorkspace(ctx, &audit.ReleaseLegalHoldInWorkspaceReq{ReleaseReason: "closed"},
		audit.ReleaseLegalHoldInWorkspaceParams{Workspace: workspace, CorrelationID: "generated-1"})
	want[*audit.ReleaseLegalHoldInWorkspaceOK]("releaseLegalHoldInWorkspace", released, err)
	erased, err := client.EraseEventInWorkspace(ctx, &audit.EraseEventInWorkspaceReq{Reason: "asked for"},
		audit.EraseEventInWorkspaceParams{Workspace: workspace, EventID: created.EventID})
	want[*audit.EraseEventInWorkspaceOK]("eraseEventInWorkspace", erased, err)
	page, err := client.ListEventsInWorkspace(ctx, audit.ListEventsInWorkspaceParams{Workspace: workspace})
	require("listEventsInWorkspace", len(want[*audit.EventPage]("listEventsInWorkspace", page, err).Data) == 2, page)
	ofLogInWorkspace(ctx, client, created.EventID)
}

func ofLogInWorkspace(ctx context.Context, client *audit.Client, event uuid.UUID) {
	var proof audit.ProveEventInWorkspaceRes
	var err error
	for sealed := false; !sealed && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		proof, err = client.ProveEventInWorkspace(ctx,
			audit.ProveEventInWorkspaceParams{Workspace: workspace, EventID: event})
		_, notYet := proof.(*audit.ProveEventInWorkspaceConflict)
		_, noLogYet := proof.(*audit.UnavailableHeaders)
		sealed = err != nil || !(notYet || noLogYet)
	}
	proven := text("proveEventInWorkspace", want[*audit.ProveEventInWorkspaceOK]("proveEventInWorkspace", proof, err).Data)
	require("proveEventInWorkspace", strings.HasPrefix(proven, "c2sp.org/tlog-proof@v1\n"), proven)
	checkpoint, err := client.GetCheckpointInWorkspace(ctx, audit.GetCheckpointInWorkspaceParams{Workspace: workspace})
	note := text("getCheckpointInWorkspace",
		want[*audit.GetCheckpointInWorkspaceOK]("getCheckpointInWorkspace", checkpoint, err).Data)
	status, err := client.GetLogStatusInWorkspace(ctx, audit.GetLogStatusInWorkspaceParams{Workspace: workspace})
	log := want[*audit.LogStatus]("getLogStatusInWorkspace", status, err)
	require("getLogStatusInWorkspace", strings.HasPrefix(note, log.Origin+"\n") && log.Size == 2, log)
	restarted, err := client.RestartLogInWorkspace(ctx, &audit.RestartLogInWorkspaceReq{Reason: "asked for"},
		audit.RestartLogInWorkspaceParams{Workspace: workspace})
	goesOn := want[*audit.RestartLogInWorkspaceOK]("restartLogInWorkspace", restarted, err)
	require("restartLogInWorkspace", !goesOn.Restarted && goesOn.Origin == log.Origin && goesOn.Size == 2, goesOn)
	tile, err := client.GetTileInWorkspace(ctx, audit.GetTileInWorkspaceParams{Workspace: workspace, Tile: "0/000.p/1"})
	require("getTileInWorkspace",
		len(text("getTileInWorkspace", want[*audit.GetTileInWorkspaceOK]("getTileInWorkspace", tile, err).Data)) == 32, tile)
	verified, err := client.VerifyChainInWorkspace(ctx, &audit.VerifyChainInWorkspaceReq{CorrelationID: "generated-1"},
		audit.VerifyChainInWorkspaceParams{Workspace: workspace})
	chain := want[*audit.Chain]("verifyChainInWorkspace", verified, err)
	require("verifyChainInWorkspace", chain.IsValid && chain.TotalEvents == 2, chain)
	page, err := client.FollowEventsInWorkspace(ctx,
		audit.FollowEventsInWorkspaceParams{Workspace: workspace, From: "earliest"})
	require("followEventsInWorkspace",
		len(want[*audit.FeedPage]("followEventsInWorkspace", page, err).Data) == 2, page)
	exported, err := client.ExportEventsInWorkspace(ctx, audit.ExportEventsInWorkspaceParams{Workspace: workspace})
	require("exportEventsInWorkspace",
		len(want[*audit.Export]("exportEventsInWorkspace", exported, err).Events) == 2, exported)
}

func whileAway(ctx context.Context, client *audit.Client) {
	one := event()
	answer, err := client.CreateEvent(ctx, &one, audit.CreateEventParams{Prefer: audit.NewOptString("receipt")})
	accepted := want[*audit.Accepted]("createEvent", answer, err)
	require("createEvent", len(accepted.Receipt.Value.Entries) == 1, accepted)
	batch, err := client.CreateEvents(ctx, []audit.NewEvent{event()}, audit.CreateEventsParams{})
	made := want[*audit.BatchCreated]("createEvents", batch, err)
	require("createEvents", strings.Contains(made.Message, "queued"), made)
	single, err := client.CreateEventInWorkspace(ctx, &one, audit.CreateEventInWorkspaceParams{Workspace: kept})
	want[*audit.Accepted]("createEventInWorkspace", single, err)
	inKept, err := client.CreateEventsInWorkspace(ctx, []audit.NewEvent{event()},
		audit.CreateEventsInWorkspaceParams{Workspace: kept})
	made = want[*audit.BatchCreated]("createEventsInWorkspace", inKept, err)
	require("createEventsInWorkspace", strings.Contains(made.Message, "queued"), made)

	refused := func(operation string, answer any, err error) {
		away := want[*audit.UnavailableHeaders](operation, answer, err)
		require(operation, away.RetryAfter.Set, away)
	}
	page, err := client.ListEvents(ctx, audit.ListEventsParams{})
	refused("listEvents", page, err)
	read, err := client.GetEvent(ctx, audit.GetEventParams{EventID: uuid.New()})
	refused("getEvent", read, err)
	there, err := client.ListEventsInWorkspace(ctx, audit.ListEventsInWorkspaceParams{Workspace: kept})
	refused("listEventsInWorkspace", there, err)
	found, err := client.GetEventInWorkspace(ctx,
		audit.GetEventInWorkspaceParams{Workspace: kept, EventID: uuid.New()})
	refused("getEventInWorkspace", found, err)
	create, err := client.CreateWorkspace(ctx, audit.CreateWorkspaceParams{Workspace: workspace})
	refused("createWorkspace", create, err)
	get, err := client.GetWorkspace(ctx, audit.GetWorkspaceParams{Workspace: kept})
	refused("getWorkspace", get, err)
	list, err := client.ListWorkspaces(ctx, audit.ListWorkspacesParams{})
	refused("listWorkspaces", list, err)
	drop, err := client.DeleteWorkspace(ctx, audit.DeleteWorkspaceParams{Workspace: kept})
	refused("deleteWorkspace", drop, err)
	proof, err := client.ProveEvent(ctx, audit.ProveEventParams{EventID: uuid.New()})
	refused("proveEvent", proof, err)
	checkpoint, err := client.GetCheckpoint(ctx)
	refused("getCheckpoint", checkpoint, err)
	status, err := client.GetLogStatus(ctx)
	refused("getLogStatus", status, err)
	tile, err := client.GetTile(ctx, audit.GetTileParams{Tile: "0/000.p/1"})
	refused("getTile", tile, err)
	feed, err := client.FollowEvents(ctx, audit.FollowEventsParams{From: "earliest"})
	refused("followEvents", feed, err)
	verified, err := client.VerifyChain(ctx, &audit.VerifyChainReq{CorrelationID: "generated-1"})
	refused("verifyChain", verified, err)
	exported, err := client.ExportEvents(ctx, audit.ExportEventsParams{})
	refused("exportEvents", exported, err)
	place, err := client.PlaceLegalHold(ctx, &audit.PlaceLegalHoldReq{CorrelationID: "generated-1", Reason: "a case"})
	refused("placeLegalHold", place, err)
	holds, err := client.ListLegalHolds(ctx, audit.ListLegalHoldsParams{})
	refused("listLegalHolds", holds, err)
	release, err := client.ReleaseLegalHold(ctx, &audit.ReleaseLegalHoldReq{ReleaseReason: "closed"},
		audit.ReleaseLegalHoldParams{CorrelationID: "generated-1"})
	refused("releaseLegalHold", release, err)
	erase, err := client.EraseEvent(ctx, &audit.EraseEventReq{Reason: "asked for"}, audit.EraseEventParams{EventID: uuid.New()})
	refused("eraseEvent", erase, err)
	placeThere, err := client.PlaceLegalHoldInWorkspace(ctx,
		&audit.PlaceLegalHoldInWorkspaceReq{CorrelationID: "generated-1", Reason: "a case"},
		audit.PlaceLegalHoldInWorkspaceParams{Workspace: kept})
	refused("placeLegalHoldInWorkspace", placeThere, err)
	holdsThere, err := client.ListLegalHoldsInWorkspace(ctx, audit.ListLegalHoldsInWorkspaceParams{Workspace: kept})
	refused("listLegalHoldsInWorkspace", holdsThere, err)
	releaseThere, err := client.ReleaseLegalHoldInWorkspace(ctx,
		&audit.ReleaseLegalHoldInWorkspaceReq{ReleaseReason: "closed"},
		audit.ReleaseLegalHoldInWorkspaceParams{Workspace: kept, CorrelationID: "generated-1"})
	refused("releaseLegalHoldInWorkspace", releaseThere, err)
	eraseThere, err := client.EraseEventInWorkspace(ctx, &audit.EraseEventInWorkspaceReq{Reason: "asked for"},
		audit.EraseEventInWorkspaceParams{Workspace: kept, EventID: uuid.New()})
	refused("eraseEventInWorkspace", eraseThere, err)
	proofThere, err := client.ProveEventInWorkspace(ctx,
		audit.ProveEventInWorkspaceParams{Workspace: kept, EventID: uuid.New()})
	refused("proveEventInWorkspace", proofThere, err)
	checkpointThere, err := client.GetCheckpointInWorkspace(ctx, audit.GetCheckpointInWorkspaceParams{Workspace: kept})
	refused("getCheckpointInWorkspace", checkpointThere, err)
	statusThere, err := client.GetLogStatusInWorkspace(ctx, audit.GetLogStatusInWorkspaceParams{Workspace: kept})
	refused("getLogStatusInWorkspace", statusThere, err)
	restartThere, err := client.RestartLogInWorkspace(ctx, &audit.RestartLogInWorkspaceReq{Reason: "asked for"},
		audit.RestartLogInWorkspaceParams{Workspace: kept})
	refused("restartLogInWorkspace", restartThere, err)
	tileThere, err := client.GetTileInWorkspace(ctx, audit.GetTileInWorkspaceParams{Workspace: kept, Tile: "0/000.p/1"})
	refused("getTileInWorkspace", tileThere, err)
	verifiedThere, err := client.VerifyChainInWorkspace(ctx,
		&audit.VerifyChainInWorkspaceReq{CorrelationID: "generated-1"}, audit.VerifyChainInWorkspaceParams{Workspace: kept})
	refused("verifyChainInWorkspace", verifiedThere, err)
	feedThere, err := client.FollowEventsInWorkspace(ctx,
		audit.FollowEventsInWorkspaceParams{Workspace: kept, From: "earliest"})
	refused("followEventsInWorkspace", feedThere, err)
	exportedThere, err := client.ExportEventsInWorkspace(ctx, audit.ExportEventsInWorkspaceParams{Workspace: kept})
	refused("exportEventsInWorkspace", exportedThere, err)
	figures(ctx, client)
}

func main() {
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if *away {
		whileAway(ctx, connect(*api))
	} else {
		whileThere(ctx, connect(*api))
	}
	// Existing clients wait for the API port's.
	for _, address := range []string{*api, *health} {
		client := connect(address)
		ready, err := client.Readyz(ctx)
		want[*audit.ReadyzOK]("readyz", ready, err)
		live, err := client.Livez(ctx)
		want[*audit.Status]("livez", live, err)
		healthy, err := client.Healthz(ctx)
		want[*audit.Status]("healthz", healthy, err)
	}
	text, err := connect(*metrics).Metrics(ctx)
	want[audit.Metrics]("metrics", text, err)
}
