/* perpctl: the connection to the console. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "perpctl.h"
#include "util/text.h"

#define MOST_ANSWER (64u << 20)
#define MOST_TOKEN 512

struct perpctl_client {
    CURL *curl;
    char url[1024]; /* without a slash at the end */
    struct curl_slist *headers;
    bool has_token;
};

struct answer {
    char *bytes;
    size_t length;
};

static size_t take(char *data, size_t one, size_t n, void *user) {
    struct answer *answer = user;
    size_t size = one * n;
    if (size > MOST_ANSWER - answer->length)
        return 0;
    char *bytes = realloc(answer->bytes, answer->length + size + 1);
    if (bytes == NULL)
        return 0;
    memcpy(bytes + answer->length, data, size);
    answer->bytes = bytes;
    answer->length += size;
    bytes[answer->length] = '\0';
    return size;
}

/* ---- the token ---- */

static bool is_token(const char *text) {
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *text != '\0';
}

static bool read_token(const char *path, char token[MOST_TOKEN + 2]) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool good = fgets(token, MOST_TOKEN + 2, file) != NULL;
    fclose(file);
    if (good)
        token[strcspn(token, "\r\n")] = '\0';
    return good && is_token(token);
}

/* The port of a URL, as the name of the console's file has it. */
static unsigned port_of(const char *url) {
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    const char *end = host + strcspn(host, "/?#");
    const char *colon = NULL;
    for (const char *c = host; c < end; c++)
        colon = *c == ':' ? c : *c == ']' ? NULL : colon;
    if (colon != NULL)
        return (unsigned)strtoul(colon + 1, NULL, 10);
    return strncmp(url, "https:", 6) == 0 ? 443 : 80;
}

/* What a console of the same user left on this machine: only for a console on this machine, so that
   its token is shown to no other. */
static bool is_here(const char *url) {
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(host, names[i], length) == 0 && strchr(":/?#", host[length]) != NULL)
            return true;
    }
    return false;
}

static bool find_token(const char *url, char token[MOST_TOKEN + 2]) {
    static const struct {
        const char *variable, *below;
    } places[] = {{"XDG_RUNTIME_DIR", ""}, {"XDG_CONFIG_HOME", ""}, {"HOME", "/.config"}};
    char path[1024];
    for (size_t i = 0; i < sizeof places / sizeof *places && is_here(url); i++) {
        const char *folder = getenv(places[i].variable);
        if (folder == NULL || *folder != '/')
            continue;
        snprintf(path, sizeof path, "%s%s/perpcore/token-%u", folder, places[i].below,
                 port_of(url));
        if (read_token(path, token))
            return true;
    }
    return false;
}

/* 1: there is one, 0: none, -1: the one that was named can't be had. */
static int get_token(const struct perpctl_options *options, char token[MOST_TOKEN + 2]) {
    const char *environment = getenv("PERPCORE_TOKEN");
    if (options->token_file != NULL) {
        errno = 0;
        if (read_token(options->token_file, token))
            return 1;
        fprintf(stderr, "perpctl: %s: %s\n", options->token_file,
                errno != 0 ? strerror(errno) : "there is no token in the first line");
        return -1;
    }
    if (environment != NULL && *environment != '\0') {
        if (strlen(environment) <= MOST_TOKEN && is_token(environment)) {
            snprintf(token, MOST_TOKEN + 2, "%s", environment);
            return 1;
        }
        fputs("perpctl: PERPCORE_TOKEN is no token\n", stderr);
        return -1;
    }
    return find_token(options->url, token);
}

/* ---- asking ---- */

static bool set_up(struct perpctl_client *client) {
    CURL *curl = client->curl;
    return curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 15000L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "perpctl") == CURLE_OK;
}

static bool add_header(struct perpctl_client *client, const char *text) {
    struct curl_slist *headers = curl_slist_append(client->headers, text);
    if (headers != NULL)
        client->headers = headers;
    return headers != NULL;
}

struct perpctl_client *perpctl_open(const struct perpctl_options *options) {
    char token[MOST_TOKEN + 2] = "", text[MOST_TOKEN + 64];
    size_t length = strlen(options->url);
    if ((strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0) ||
        length > 900) {
        fprintf(stderr, "perpctl: --url: http://HOST:PORT is wanted\n");
        return NULL;
    }
    int found = get_token(options, token);
    struct perpctl_client *client = found < 0 ? NULL : calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    snprintf(client->url, sizeof client->url, "%s", options->url);
    while (length > 0 && client->url[length - 1] == '/')
        client->url[--length] = '\0';
    client->has_token = found > 0;
    snprintf(text, sizeof text, "Authorization: Bearer %s", token);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    if (client->curl != NULL && (found == 0 || add_header(client, text)) &&
        add_header(client, "Content-Type: application/json") && add_header(client, "Expect:") &&
        set_up(client))
        return client;
    fputs("perpctl: libcurl cannot be set up\n", stderr);
    perpctl_close(client);
    return NULL;
}

void perpctl_close(struct perpctl_client *client) {
    if (client == NULL)
        return;
    curl_slist_free_all(client->headers);
    if (client->curl != NULL)
        curl_easy_cleanup(client->curl);
    free(client);
    curl_global_cleanup();
}

/* Text of a server goes to a terminal: nothing of it may steer that. */
static void say(const char *text) {
    char shown[1024];
    perp_text_show(text, shown, sizeof shown);
    fprintf(stderr, "%s\n", shown);
}

static int refused(const struct perpctl_client *client, long code, const cJSON *json) {
    const cJSON *why = cJSON_GetObjectItemCaseSensitive(json, "error");
    fprintf(stderr, "perpctl: refused (%ld): ", code);
    say(cJSON_IsString(why) ? why->valuestring : "no reason given");
    if (code == 401 && !client->has_token)
        fputs("perpctl: no token was found: --token-file FILE, or PERPCORE_TOKEN\n", stderr);
    return PERPCTL_REFUSED;
}

int perpctl_ask(struct perpctl_client *client, const char *path, const char *body, cJSON **json,
                char **text) {
    char url[1200];
    long code = 0;
    struct answer answer = {NULL, 0};
    CURL *curl = client->curl;
    snprintf(url, sizeof url, "%s%s", client->url, path);
    bool good = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer) == CURLE_OK;
    if (good && body != NULL)
        good = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    CURLcode result = good ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
    if (result != CURLE_OK) {
        fprintf(stderr, "perpctl: %s: %s\n", client->url, curl_easy_strerror(result));
        free(answer.bytes);
        return PERPCTL_UNREACHABLE;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    *json = answer.bytes == NULL ? NULL : cJSON_ParseWithLength(answer.bytes, answer.length);
    int status = PERPCTL_DONE;
    if (code < 200 || code > 299) {
        status = refused(client, code, *json);
    } else if (!cJSON_IsObject(*json)) {
        fprintf(stderr, "perpctl: %s: this is no perpcore-console\n", client->url);
        status = PERPCTL_UNREACHABLE;
    }
    if (text != NULL && status == PERPCTL_DONE)
        *text = answer.bytes;
    else
        free(answer.bytes);
    return status;
}
