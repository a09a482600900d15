package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

const columns = "event_id, event_timestamp, version, event_type, event_category, event_action, event_outcome, " +
	"correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, actor_id, actor_type, " +
	"retention_days, is_sensitive, event_data, namespace, cluster_id, actor_ip, duration_ms, error_code, error_message"

const insert = "INSERT INTO audit_events (" + columns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, " +
	"$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"

const selectPage = "SELECT event_id::text, event_timestamp, version, event_type, event_category, event_action, " +
	"event_outcome, correlation_id, parent_event_id::text, parent_event_date::text, resource_type, resource_id, severity, " +
	"actor_id, actor_type, retention_days, is_sensitive, event_data::text, namespace, cluster_id, host(actor_ip), " +
	"duration_ms, error_code, error_message FROM audit_events WHERE correlation_id = $1 " +
	"ORDER BY event_timestamp DESC, event_id DESC LIMIT $2 OFFSET $3"

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

type store struct {
	db *sql.DB
}

func (e *event) insertInto(ctx context.Context, where execer) error {
	_, err := where.ExecContext(ctx, insert,
		e.id, e.EventTimestamp, e.Version, e.EventType, e.EventCategory, e.EventAction, e.EventOutcome,
		e.CorrelationID, e.ParentEventID, e.ParentEventDate, e.ResourceType, e.ResourceID, e.Severity, e.ActorID,
		e.ActorType, e.RetentionDays, e.IsSensitive, string(e.EventData), e.Namespace, e.ClusterID, e.ActorIP,
		e.DurationMS, e.ErrorCode, e.ErrorMessage)
	return err
}

func (s *store) add(ctx context.Context, e *event) error {
	return e.insertInto(ctx, s.db)
}

// addAll stores all or none.
func (s *store) addAll(ctx context.Context, events []event) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	for i := range events {
		if err := events[i].insertInto(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// item is an event as it is read.
type item struct {
	EventID         string          `json:"event_id"`
	EventTimestamp  time.Time       `json:"event_timestamp"`
	EventDate       string          `json:"event_date"`
	EventType       string          `json:"event_type"`
	Version         string          `json:"version"`
	EventCategory   string          `json:"event_category"`
	EventAction     string          `json:"event_action"`
	EventOutcome    string          `json:"event_outcome"`
	CorrelationID   string          `json:"correlation_id"`
	ParentEventID   *string         `json:"parent_event_id"`
	ParentEventDate *string         `json:"parent_event_date"`
	ResourceType    string          `json:"resource_type"`
	ResourceID      string          `json:"resource_id"`
	Severity        string          `json:"severity"`
	ActorID         string          `json:"actor_id"`
	ActorType       string          `json:"actor_type"`
	RetentionDays   int             `json:"retention_days"`
	IsSensitive     bool            `json:"is_sensitive"`
	EventData       json.RawMessage `json:"event_data"`
	Namespace       *string         `json:"namespace,omitempty"`
	ClusterID       *string         `json:"cluster_id,omitempty"`
	ActorIP         *string         `json:"actor_ip,omitempty"`
	DurationMS      *int64          `json:"duration_ms,omitempty"`
	ErrorCode       *string         `json:"error_code,omitempty"`
	ErrorMessage    *string         `json:"error_message,omitempty"`
}

func (s *store) list(ctx context.Context, correlation string, limit, offset int) ([]item, int, error) {
	var total int
	count := s.db.QueryRowContext(ctx, "SELECT count(*) FROM audit_events WHERE correlation_id = $1", correlation)
	if err := count.Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.QueryContext(ctx, selectPage, correlation, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		var i item
		var data string
		if err := rows.Scan(&i.EventID, &i.EventTimestamp, &i.Version, &i.EventType, &i.EventCategory, &i.EventAction,
			&i.EventOutcome, &i.CorrelationID, &i.ParentEventID, &i.ParentEventDate, &i.ResourceType, &i.ResourceID,
			&i.Severity, &i.ActorID, &i.ActorType, &i.RetentionDays, &i.IsSensitive, &data, &i.Namespace, &i.ClusterID,
			&i.ActorIP, &i.DurationMS, &i.ErrorCode, &i.ErrorMessage); err != nil {
			return nil, 0, err
		}
		i.EventData = json.RawMessage(data)
		i.EventTimestamp = i.EventTimestamp.UTC()
		i.EventDate = i.EventTimestamp.Format(time.DateOnly)
		items = append(items, i)
	}
	return items, total, rows.Err()
}
