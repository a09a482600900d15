package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"
)

const (
	maxBody      = 5 << 20
	maxBatch     = 500
	defaultLimit = 50
	maxLimit     = 1000
)

func routes(s *store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/audit/events", s.postEvent)
	mux.HandleFunc("POST /api/v1/audit/events/batch", s.postBatch)
	mux.HandleFunc("GET /api/v1/audit/events", s.getEvents)
	return mux
}

func answer(w http.ResponseWriter, status int, contentType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	w.Write(text) // who has hung up needs no answer
}

func problem(w http.ResponseWriter, status int, err error) {
	answer(w, status, "application/problem+json",
		map[string]any{"title": http.StatusText(status), "status": status, "detail": err.Error()})
}

// read fills `into` from the body; after false the answer is given.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		problem(w, http.StatusBadRequest, fmt.Errorf("Content-Type: allowed: application/json"))
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		problem(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func (s *store) postEvent(w http.ResponseWriter, r *http.Request) {
	var e event
	if !read(w, r, &e) {
		return
	}
	if err := e.complete(time.Now()); err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	if err := s.add(r.Context(), &e); err != nil {
		problem(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, http.StatusCreated, "application/json", map[string]string{
		"event_id":        e.id,
		"event_timestamp": e.EventTimestamp.Format(time.RFC3339),
		"message":         "Audit event created successfully",
	})
}

func (s *store) postBatch(w http.ResponseWriter, r *http.Request) {
	var events []event
	if !read(w, r, &events) {
		return
	}
	if len(events) < 1 || len(events) > maxBatch {
		problem(w, http.StatusBadRequest, fmt.Errorf("got %d events; allowed: 1 to %d", len(events), maxBatch))
		return
	}
	ids := make([]string, len(events))
	now := time.Now()
	for i := range events {
		if err := events[i].complete(now); err != nil {
			problem(w, http.StatusBadRequest, fmt.Errorf("element %d: %w", i, err))
			return
		}
		ids[i] = events[i].id
	}
	if err := s.addAll(r.Context(), events); err != nil {
		problem(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, http.StatusCreated, "application/json", map[string]any{
		"event_ids": ids, "message": fmt.Sprintf("%d audit events created successfully", len(ids)),
	})
}

// number is a query parameter in the range, or its default.
func number(r *http.Request, name string, fallback, lowest, highest int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < lowest || value > highest {
		return 0, fmt.Errorf("%s: got %q; allowed: %d to %d", name, text, lowest, highest)
	}
	return value, nil
}

func (s *store) getEvents(w http.ResponseWriter, r *http.Request) {
	limit, err := number(r, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	offset, err := number(r, "offset", 0, 0, 1<<31-1)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	items, total, err := s.list(r.Context(), r.URL.Query().Get("correlation_id"), limit, offset)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, http.StatusOK, "application/json", map[string]any{
		"data": items,
		"pagination": map[string]any{
			"limit": limit, "offset": offset, "total": total, "has_more": len(items) > 0 && offset+len(items) < total,
		},
	})
}
