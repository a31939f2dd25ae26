/* One thread for each venue that has many requests under way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "executor.h"

#define MOST_ANSWER (16u << 20)
#define TIMEOUT_MS 6000
#define IDLE_MS 1000

typedef struct transfer {
    ex_request request;
    CURL *easy;
    struct curl_slist *headers;
    char url[sizeof((ex_venue *)NULL)->url + sizeof((ex_request *)NULL)->path];
    char *bytes;
    size_t length;
    struct transfer *next, *previous;
} transfer;

struct ex_http {
    ex_venue *venue;
    ex_answer *answer;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    transfer *first, **last; /* that wait to be sent */
    transfer *under_way;     /* of the thread */
    bool stops;
};

static size_t take(char *data, size_t one, size_t n, void *user) {
    transfer *t = user;
    size_t size = one * n;
    if (size > MOST_ANSWER - t->length)
        return 0;
    char *bytes = realloc(t->bytes, t->length + size + 1);
    if (bytes == NULL)
        return 0;
    memcpy(bytes + t->length, data, size);
    t->bytes = bytes;
    t->length += size;
    bytes[t->length] = '\0';
    return size;
}

static void prepare(transfer *t, const char *method) {
    bool writes = strcmp(method, "GET") != 0;
    curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    if (!writes)
        return;
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
    /* libcurl sends a request again by itself where a connection that was used before is closed
       without an answer. An order would be sent twice by that, so it gets a new connection. */
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
}

static void drop(transfer *t) {
    if (t->easy != NULL)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t->bytes);
    free(t);
}

static transfer *transfer_new(const ex_venue *venue, const ex_request *request) {
    transfer *t = calloc(1, sizeof *t);
    if (t == NULL || (t->easy = curl_easy_init()) == NULL)
        abort();
    t->request = *request;
    ex_sign(venue->ex, t->request.path, sizeof t->request.path);
    snprintf(t->url, sizeof t->url, "%s%s", venue->url, t->request.path);
    if (venue->ex->has_keys) {
        t->headers = curl_slist_append(NULL, venue->ex->key_header);
        curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    }
    prepare(t, request->method);
    return t;
}

void ex_http_send(struct ex_http *http, const ex_request *request) {
    transfer *t = transfer_new(http->venue, request);
    pthread_mutex_lock(&http->lock);
    *http->last = t;
    http->last = &t->next;
    pthread_mutex_unlock(&http->lock);
    curl_multi_wakeup(http->multi);
}

/* False: the thread is to end. */
static bool begin_those_that_wait(struct ex_http *http) {
    pthread_mutex_lock(&http->lock);
    transfer *t = http->first;
    bool goes_on = !http->stops;
    http->first = NULL;
    http->last = &http->first;
    pthread_mutex_unlock(&http->lock);
    for (transfer *next; t != NULL; t = next) {
        next = t->next;
        t->request.sent_ns = ex_now();
        t->previous = NULL;
        t->next = http->under_way;
        if (t->next != NULL)
            t->next->previous = t;
        http->under_way = t;
        curl_multi_add_handle(http->multi, t->easy);
    }
    return goes_on;
}

static void unlink_and_drop(struct ex_http *http, transfer *t) {
    if (t->next != NULL)
        t->next->previous = t->previous;
    *(t->previous != NULL ? &t->previous->next : &http->under_way) = t->next;
    curl_multi_remove_handle(http->multi, t->easy);
    drop(t);
}

static void end(struct ex_http *http, CURLMsg *message) {
    transfer *t = NULL;
    long status = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    curl_off_t retry_after_s = 0;
    if (message->data.result == CURLE_OK) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    }
    t->request.retry_after_s = retry_after_s;
    cJSON *json = status != 0 && t->bytes != NULL ? cJSON_Parse(t->bytes) : NULL;
    t->request.came_ns = ex_now();
    http->answer(http->venue, &t->request, status, json);
    cJSON_Delete(json);
    unlink_and_drop(http, t);
}

static void *run(void *user) {
    struct ex_http *http = user;
    while (begin_those_that_wait(http)) {
        int n;
        curl_multi_perform(http->multi, &n);
        for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &n)) != NULL;)
            if (message->msg == CURLMSG_DONE)
                end(http, message);
        curl_multi_poll(http->multi, NULL, 0, IDLE_MS, NULL);
    }
    return NULL;
}

struct ex_http *ex_http_start(ex_venue *venue, ex_answer *answer) {
    struct ex_http *http = calloc(1, sizeof *http);
    if (http == NULL || (http->multi = curl_multi_init()) == NULL)
        abort();
    http->venue = venue;
    http->answer = answer;
    http->last = &http->first;
    pthread_mutex_init(&http->lock, NULL);
    if (pthread_create(&http->thread, NULL, run, http) != 0)
        abort();
    return http;
}

/* What is under way is left to the next start: it looks like any other answer that was lost. */
void ex_http_stop(struct ex_http *http) {
    if (http == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    http->stops = true;
    pthread_mutex_unlock(&http->lock);
    curl_multi_wakeup(http->multi);
    pthread_join(http->thread, NULL);
    begin_those_that_wait(http);
    for (transfer *t = http->under_way, *next; t != NULL; t = next) {
        next = t->next;
        curl_multi_remove_handle(http->multi, t->easy);
        drop(t);
    }
    curl_multi_cleanup(http->multi);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

cJSON *ex_http_ask(ex_venue *venue, const char *method, const char *path, long *status) {
    ex_request request = {.method = method};
    snprintf(request.path, sizeof request.path, "%s", path);
    transfer *t = transfer_new(venue, &request);
    *status = 0;
    if (curl_easy_perform(t->easy) == CURLE_OK)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, status);
    cJSON *json = *status != 0 && t->bytes != NULL ? cJSON_Parse(t->bytes) : NULL;
    drop(t);
    return json;
}
