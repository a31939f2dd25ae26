/* The numbered changes: states, control actions and alerts in one ring, for clients that listen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"

#define LOOK_NS 200000000    /* at most five states a second */
#define CALM_NS 600000000    /* between two states when only the market moves */
#define FRESH_NS 50000000    /* a state that is asked for may be as old */
#define METRICS_NS 100000000 /* metrics that are asked for may be as old */
#define HEARTBEAT_NS 1000000000

static int64_t wall_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * CONSOLE_SECOND + time.tv_nsec;
}

struct console_text *console_text_new(const char *bytes, size_t length) {
    struct console_text *text = malloc(sizeof *text + length + 1);
    if (text == NULL)
        return NULL;
    atomic_init(&text->users, 1);
    text->length = length;
    if (bytes != NULL)
        memcpy(text->bytes, bytes, length);
    text->bytes[length] = '\0';
    return text;
}

struct console_text *console_text_hold(struct console_text *text) {
    if (text != NULL)
        atomic_fetch_add(&text->users, 1);
    return text;
}

void console_text_drop(struct console_text *text) {
    if (text != NULL && atomic_fetch_sub(&text->users, 1) == 1)
        free(text);
}

/* ---- the ring ---- */

static const char *const kind_names[] = {"state", "control", "alert"};

/* Puts a change into the ring under the next number. Without memory it is left out, and its number
   with it: a reader sees that as a gap. */
static void publish(struct console_events *events, uint32_t kind, const char *data) {
    pthread_mutex_lock(&events->lock);
    uint64_t id = events->next_id++;
    char head[96];
    int head_length = snprintf(
        head, sizeof head, "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, kind_names[kind]);
    size_t length = strlen(data);
    struct console_text *frame = console_text_new(NULL, (size_t)head_length + length + 2);
    struct console_event *event = &events->ring[id % CONSOLE_RING];
    console_text_drop(event->frame);
    *event = (struct console_event){.id = id, .kind = kind, .frame = frame};
    if (frame != NULL) {
        memcpy(frame->bytes, head, (size_t)head_length);
        memcpy(frame->bytes + head_length, data, length);
        memcpy(frame->bytes + head_length + length, "\n\n", 3);
    }
    if (kind == CONSOLE_STATE)
        events->state_id = id;
    if (events->next_id - events->first_id > CONSOLE_RING)
        events->first_id = events->next_id - CONSOLE_RING;
    void (*wake)(void *) = events->wake;
    void *user = events->wake_user;
    pthread_mutex_unlock(&events->lock);
    if (wake != NULL)
        wake(user);
}

/* A reader that saw nothing, or something that the ring no longer has (or never had: another run),
   starts at the newest state; another one gets all that it missed. */
struct console_text *console_events_next(struct console_events *events, uint64_t *id) {
    struct console_text *frame = NULL;
    pthread_mutex_lock(&events->lock);
    bool known = *id >= events->first_id - 1 && *id < events->next_id;
    uint64_t next = known ? *id + 1 : events->state_id;
    if (!known && next == 0)
        next = events->next_id;
    for (; next < events->next_id && frame == NULL; next++) {
        frame = console_text_hold(events->ring[next % CONSOLE_RING].frame);
        *id = next;
    }
    pthread_mutex_unlock(&events->lock);
    return frame;
}

/* ---- the state ---- */

static struct console_text *make_state(struct console_host *host) {
    size_t capacity = 96 * 1024, length = 0;
    for (int tries = 0; tries < 4; tries++) {
        struct console_text *text = console_text_new(NULL, capacity);
        if (text == NULL)
            return NULL;
        memset(text->bytes, 0, 1);
        perp_status status = perp_monitor_json(host->core, console_host_now(host), text->bytes,
                                               capacity + 1, &length);
        if (status == PERP_OK) {
            text->length = length;
            return text;
        }
        console_text_drop(text);
        if (status != PERP_E_RANGE)
            return NULL;
        capacity = length + length / 8; /* it may have grown since */
    }
    return NULL;
}

static uint64_t book_of(struct console_host *host) {
    perp_core_stats stats = {.struct_size = sizeof stats};
    return perp_core_statistics(host->core, &stats) == PERP_OK ? stats.events : 0;
}

/* Looks at the state anew; the caller holds `building`. */
static struct console_text *look(struct console_events *events) {
    struct console_text *text = make_state(events->host);
    if (text == NULL)
        return NULL;
    pthread_mutex_lock(&events->lock);
    struct console_text *old = events->state;
    bool same = old != NULL && old->length == text->length &&
                memcmp(old->bytes, text->bytes, text->length) == 0;
    if (same) {
        console_text_drop(text);
        text = old;
    } else {
        console_text_drop(old);
        events->state = text;
    }
    events->state_wall_ns = wall_ns();
    console_text_hold(text);
    pthread_mutex_unlock(&events->lock);
    return text;
}

struct console_text *console_events_state(struct console_events *events) {
    pthread_mutex_lock(&events->building);
    struct console_text *text = NULL;
    pthread_mutex_lock(&events->lock);
    if (events->state != NULL && !atomic_load(&events->urgent) &&
        wall_ns() - events->state_wall_ns < FRESH_NS)
        text = console_text_hold(events->state);
    pthread_mutex_unlock(&events->lock);
    if (text == NULL)
        text = look(events);
    pthread_mutex_unlock(&events->building);
    return text;
}

struct console_text *console_events_metrics(struct console_events *events,
                                            const struct console_figures *figures) {
    pthread_mutex_lock(&events->building);
    if (events->metrics == NULL || wall_ns() - events->metrics_wall_ns > METRICS_NS) {
        console_text_drop(events->metrics);
        events->metrics = console_metrics(events->host, figures);
        events->metrics_wall_ns = wall_ns();
    }
    struct console_text *text = console_text_hold(events->metrics);
    pthread_mutex_unlock(&events->building);
    return text;
}

/* ---- what else happens ---- */

static void publish_json(struct console_events *events, uint32_t kind, cJSON *json) {
    char *text = cJSON_PrintUnformatted(json);
    if (text != NULL)
        publish(events, kind, text);
    cJSON_free(text);
    cJSON_Delete(json);
}

void console_events_control(struct console_events *events, const struct console_control *control) {
    pthread_mutex_lock(&events->lock);
    events->controls[events->n_controls++ % CONSOLE_CONTROLS] = *control;
    pthread_mutex_unlock(&events->lock);
    atomic_store(&events->urgent, true);
    cJSON *json = cJSON_CreateObject();
    if (json != NULL && console_add_control(json, control))
        publish_json(events, CONSOLE_CONTROL, json);
    else
        cJSON_Delete(json);
}

void console_events_alert(struct console_events *events, const perp_alert *alert) {
    static const char *const levels[] = {"info", "warning", "critical"};
    cJSON *json = cJSON_CreateObject();
    bool good = cJSON_AddStringToObject(json, "code", perp_alert_string(alert->code)) != NULL;
    good = good && cJSON_AddStringToObject(json, "level", levels[alert->level % 3]);
    good = good && cJSON_AddBoolToObject(json, "active", alert->active != 0);
    good = good && cJSON_AddStringToObject(json, "subject", alert->subject);
    good = good && cJSON_AddStringToObject(json, "message", alert->message);
    if (good)
        publish_json(events, CONSOLE_ALERT, json);
    else
        cJSON_Delete(json);
}

/* ---- the thread ---- */

static void look_and_publish(struct console_events *events) {
    pthread_mutex_lock(&events->building);
    atomic_store(&events->urgent, false);
    struct console_text *now = look(events);
    struct console_text *before = events->published;
    bool changed = now != NULL && now != before;
    if (changed)
        events->published = console_text_hold(now);
    pthread_mutex_unlock(&events->building);
    if (changed) {
        publish(events, CONSOLE_STATE, now->bytes);
        console_text_drop(before);
    }
    console_text_drop(now);
}

static void *events_main(void *user) {
    struct console_events *events = user;
    int64_t published = 0, woken = 0;
    uint64_t book = 0;
    while (!atomic_load(&events->stop)) {
        struct timespec time = {.tv_nsec = LOOK_NS};
        nanosleep(&time, NULL);
        int64_t now = wall_ns();
        uint64_t changes = book_of(events->host);
        if (changes != book || atomic_load(&events->urgent) || now - published >= CALM_NS) {
            book = changes;
            published = woken = now;
            look_and_publish(events);
        }
        if (now - woken >= HEARTBEAT_NS && events->wake != NULL) {
            woken = now;
            events->wake(events->wake_user);
        }
    }
    return NULL;
}

int console_events_open(struct console_events *events, struct console_host *host) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    events->host = host;
    /* Numbers go on rising over restarts, so that those of an earlier run are known to be old. */
    events->first_id = events->next_id = (uint64_t)time.tv_sec * 1000;
    return pthread_mutex_init(&events->lock, NULL) == 0 &&
           pthread_mutex_init(&events->building, NULL) == 0;
}

int console_events_start(struct console_events *events, void (*wake)(void *user), void *user) {
    pthread_mutex_lock(&events->lock);
    events->wake = wake;
    events->wake_user = user;
    pthread_mutex_unlock(&events->lock);
    look_and_publish(events);
    events->running = pthread_create(&events->thread, NULL, events_main, events) == 0;
    return events->running;
}

void console_events_end(struct console_events *events) {
    atomic_store(&events->stop, true);
    if (events->running)
        pthread_join(events->thread, NULL);
    pthread_mutex_lock(&events->lock);
    events->running = false;
    events->wake = NULL;
    pthread_mutex_unlock(&events->lock);
}

void console_events_close(struct console_events *events) {
    for (uint32_t i = 0; i < CONSOLE_RING; i++)
        console_text_drop(events->ring[i].frame);
    console_text_drop(events->state);
    console_text_drop(events->published);
    console_text_drop(events->metrics);
    pthread_mutex_destroy(&events->lock);
    pthread_mutex_destroy(&events->building);
}
