package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

const (
	adminPort   = 8082
	period      = 10 * time.Second
	deadline    = time.Second
	atOnce      = 64
	silentAfter = 2
	maxBody     = 64 << 10
	tokenLife   = 30 * time.Second
)

// What a pod last said of itself, as far as it is read.
type report struct {
	AppliedGeneration int64 `json:"appliedGeneration"`
	Settings          struct {
		MaxOpenConns int64 `json:"maxOpenConns"`
	} `json:"settings"`
	facts facts
}

type facts struct {
	MaxConnections               int64 `json:"maxConnections"`
	SuperuserReservedConnections int64 `json:"superuserReservedConnections"`
}

type wantedPod struct {
	uid               types.UID
	ip                string
	generation, limit int64
}

type podState struct {
	pool     types.NamespacedName
	wanted   wantedPod
	report   *report
	failures int
}

// Asks the pods in the background and keeps what they say; `changed` names the StoragePools to look at.
type poller struct {
	changed chan event.GenericEvent
	queue   workqueue.TypedRateLimitingInterface[types.UID]
	http    *http.Client
	key     ed25519.PrivateKey

	mutex sync.RWMutex
	pods  map[types.UID]*podState
	pools map[types.NamespacedName][]types.UID
}

func newPoller() *poller {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	backoff := workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](500*time.Millisecond, 30*time.Second)
	return &poller{
		changed: make(chan event.GenericEvent, 1024),
		queue:   workqueue.NewTypedRateLimitingQueue(backoff),
		// A connection is for one exchange: the next comes in ten seconds.
		http:  &http.Client{Timeout: deadline, Transport: &http.Transport{IdleConnTimeout: time.Second, DisableCompression: true}},
		key:   key,
		pods:  map[types.UID]*podState{},
		pools: map[types.NamespacedName][]types.UID{},
	}
}

func (p *poller) reports(pods []corev1.Pod) []*report {
	p.mutex.RLock()
	defer p.mutex.RUnlock()
	found := make([]*report, len(pods))
	for i := range pods {
		if state := p.pods[pods[i].UID]; state != nil {
			found[i] = state.report
		}
	}
	return found
}

// Takes the place of what was wanted before.
func (p *poller) follow(pool types.NamespacedName, wanted []wantedPod) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	before := p.pools[pool]
	if len(wanted) == 0 {
		delete(p.pools, pool)
	}
	keep := make(map[types.UID]bool, len(wanted))
	uids := make([]types.UID, 0, len(wanted))
	for _, pod := range wanted {
		keep[pod.uid] = true
		uids = append(uids, pod.uid)
		state := p.pods[pod.uid]
		if state == nil {
			state = &podState{pool: pool}
			p.pods[pod.uid] = state
		}
		if state.wanted != pod {
			state.wanted = pod
			p.queue.Add(pod.uid)
		}
	}
	for _, uid := range before {
		if !keep[uid] {
			delete(p.pods, uid)
		}
	}
	if len(wanted) > 0 {
		p.pools[pool] = uids
	}
}

// Start implements manager.Runnable.
func (p *poller) Start(ctx context.Context) error {
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for p.work(ctx) {
			}
		})
	}
	<-ctx.Done()
	p.queue.ShutDown()
	workers.Wait()
	return nil
}

func (p *poller) work(ctx context.Context) bool {
	uid, shutDown := p.queue.Get()
	if shutDown {
		return false
	}
	defer p.queue.Done(uid)
	p.mutex.RLock()
	state := p.pods[uid]
	var wanted wantedPod
	var known *report
	if state != nil {
		wanted, known = state.wanted, state.report
	}
	p.mutex.RUnlock()
	if state == nil {
		p.queue.Forget(uid)
		return true
	}
	heard, err := p.exchange(ctx, wanted, known)
	if p.take(uid, heard, err) {
		select {
		case p.changed <- wake(state.pool):
		case <-ctx.Done():
			return false
		}
	}
	if err != nil {
		p.queue.AddRateLimited(uid)
		return true
	}
	p.queue.Forget(uid)
	p.queue.AddAfter(uid, period*9/10+mathrand.N(period/5))
	return true
}

// Whether something differs for the StoragePool.
func (p *poller) take(uid types.UID, heard *report, err error) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	state := p.pods[uid]
	if state == nil {
		return false
	}
	if err != nil {
		state.failures++
		if state.failures < silentAfter || state.report == nil {
			return state.failures == silentAfter
		}
		state.report = nil
		return true
	}
	state.failures = 0
	changed := !reflect.DeepEqual(state.report, heard)
	state.report = heard
	return changed
}

func (p *poller) exchange(ctx context.Context, wanted wantedPod, known *report) (*report, error) {
	heard := &report{}
	if known == nil || known.AppliedGeneration < wanted.generation {
		body := fmt.Appendf(nil, `{"generation":%d,"settings":{"maxOpenConns":%d}}`, wanted.generation, wanted.limit)
		if err := p.send(ctx, wanted, http.MethodPut, "/admin/settings", body, heard); err != nil {
			return nil, err
		}
	} else if err := p.send(ctx, wanted, http.MethodGet, "/admin/settings", nil, heard); err != nil {
		return nil, err
	}
	var told struct {
		Facts facts `json:"facts"`
	}
	if err := p.send(ctx, wanted, http.MethodGet, "/admin/facts", nil, &told); err != nil {
		return nil, err
	}
	heard.facts = told.Facts
	return heard, nil
}

func (p *poller) send(ctx context.Context, pod wantedPod, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s:%d%s", pod.ip, adminPort, path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+p.token(pod.uid, method, path, body))
	response, err := p.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", pod.ip, response.Status)
	}
	return json.Unmarshal(text, answer)
}

// PASETO v4.public for one request, as ours signs it.
func (p *poller) token(uid types.UID, method, path string, body []byte) string {
	const header = "v4.public."
	now := time.Now().UTC()
	sum := sha256.Sum256(body)
	claims, _ := json.Marshal(map[string]string{ // of strings
		"aud": string(uid), "method": method, "path": path, "body": hex.EncodeToString(sum[:]),
		"iat": now.Format(time.RFC3339), "nbf": now.Format(time.RFC3339), "exp": now.Add(tokenLife).Format(time.RFC3339),
	})
	parts := [][]byte{[]byte(header), claims, nil, nil}
	message := binary.LittleEndian.AppendUint64(nil, uint64(len(parts)))
	for _, part := range parts {
		message = binary.LittleEndian.AppendUint64(message, uint64(len(part)))
		message = append(message, part...)
	}
	return header + base64.RawURLEncoding.EncodeToString(append(claims, ed25519.Sign(p.key, message)...))
}
