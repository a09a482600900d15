package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"
)

const (
	future           = time.Hour
	past             = 7 * 24 * time.Hour
	defaultRetention = 2555
)

// event is one as clients send it; what is absent or null is nil or "".
type event struct {
	Version         string          `json:"version"`
	EventType       string          `json:"event_type"`
	EventTimestamp  time.Time       `json:"event_timestamp"`
	EventCategory   string          `json:"event_category"`
	EventAction     string          `json:"event_action"`
	EventOutcome    string          `json:"event_outcome"`
	CorrelationID   string          `json:"correlation_id"`
	EventData       json.RawMessage `json:"event_data"`
	ActorType       string          `json:"actor_type"`
	ActorID         string          `json:"actor_id"`
	ActorIP         *string         `json:"actor_ip"`
	ResourceType    string          `json:"resource_type"`
	ResourceID      string          `json:"resource_id"`
	ParentEventID   *string         `json:"parent_event_id"`
	ParentEventDate *string         `json:"parent_event_date"`
	Namespace       *string         `json:"namespace"`
	ClusterID       *string         `json:"cluster_id"`
	Severity        string          `json:"severity"`
	ErrorCode       *string         `json:"error_code"`
	ErrorMessage    *string         `json:"error_message"`
	DurationMS      *int64          `json:"duration_ms"`
	RetentionDays   int             `json:"retention_days"`
	IsSensitive     bool            `json:"is_sensitive"`

	id string
}

// complete refuses what is not valid, fills in the defaults and gives the event its id.
func (e *event) complete(now time.Time) error {
	for _, text := range []struct {
		name, value string
		longest     int
	}{
		{"version", e.Version, 20},
		{"event_type", e.EventType, 100},
		{"event_category", e.EventCategory, 50},
		{"event_action", e.EventAction, 50},
		{"correlation_id", e.CorrelationID, 255},
	} {
		if length := utf8.RuneCountInString(text.value); length < 1 || length > text.longest {
			return fmt.Errorf("%s: got %d characters; allowed: 1 to %d", text.name, length, text.longest)
		}
	}
	if e.EventTimestamp.After(now.Add(future)) || e.EventTimestamp.Before(now.Add(-past)) {
		return fmt.Errorf("event_timestamp: got %s; allowed: from 7 days ago to 60 minutes ahead", e.EventTimestamp)
	}
	switch e.EventOutcome {
	case "success", "failure", "pending":
	default:
		return fmt.Errorf("event_outcome: got %q; allowed: success, failure, pending", e.EventOutcome)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(e.EventData), []byte("{")) {
		return fmt.Errorf("event_data: allowed: a JSON object")
	}
	if e.ActorIP != nil {
		if _, err := netip.ParseAddr(*e.ActorIP); err != nil {
			return fmt.Errorf("actor_ip: %w", err)
		}
	}
	if e.DurationMS != nil && *e.DurationMS < 0 {
		return fmt.Errorf("duration_ms: got %d; allowed: at least 0", *e.DurationMS)
	}
	if e.RetentionDays < 0 || e.RetentionDays > defaultRetention {
		return fmt.Errorf("retention_days: got %d; allowed: 1 to %d", e.RetentionDays, defaultRetention)
	}
	e.EventTimestamp = e.EventTimestamp.UTC().Truncate(time.Microsecond)
	setDefault(&e.ActorType, "service")
	setDefault(&e.ActorID, e.EventCategory+"-service")
	setDefault(&e.ResourceType, e.EventCategory)
	setDefault(&e.ResourceID, e.CorrelationID)
	setDefault(&e.Severity, "info")
	if e.RetentionDays == 0 {
		e.RetentionDays = defaultRetention
	}
	e.id = newID(e.EventTimestamp)
	return nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// newID is a UUID of version 7 (RFC 9562), whose time is the event's: new keys lie side by side in the index.
func newID(at time.Time) string {
	var id [16]byte
	rand.Read(id[:])
	milliseconds := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(milliseconds >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}
