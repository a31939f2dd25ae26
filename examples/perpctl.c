/* perpctl: the commands. */
#include <perpcore/perpcore.h>

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "perpctl.h"

static const char usage[] =
    "perpctl COMMAND [OPTIONS]\n"
    "  status [--watch]            whether it trades, capital, exchanges, jobs, alerts\n"
    "  jobs [--pending]            jobs that run, or that wait\n"
    "  positions                   what is open, and what of it has no other side\n"
    "  orders                      those in doubt first, then those that stand, then the others\n"
    "                              [--job JOB_ID] [--state STATE]: new, open, in_doubt, filled,\n"
    "                              cancelled, expired, declined, rejected, not_ended\n"
    "  explain JOB_ID              why a job was let pass or refused, with the numbers\n"
    "  rules                       the rules with their limits, and how often they fired\n"
    "  latches                     what waits for a person, since when, and what lifts it\n"
    "  compliance                  the controls of RTS 6 and SEC 15c3-5, for the yearly "
    "assessment\n"
    "  feasibility                 the largest job that could pass, per strategy and pair\n"
    "  pause | resume              stops new risk, or goes on\n"
    "  set-risk-mode MODE          conservative, balanced, aggressive\n"
    "  override on|off             soft rules pass [--ttl-ms N] [--job JOB_ID]\n"
    "  kill on|off                 the kill switch [--exchange NAME]\n"
    "  reset-halt                  after failures in a row\n"
    "  resolve BASE                what is naked of it is squared, or wanted\n"
    "  resume-repair BASE          its repairs go on, at the next tick\n"
    "  accept SYMBOL               what drifts there is known and wanted (--exchange NAME)\n"
    "  flatten BASE                jobs that close all that is open of it, or of all\n"
    "                              [--exchange NAME]\n"
    "  cancel JOB_ID               a job that waits; one that runs is asked to end\n"
    "Options: --url URL (http://127.0.0.1:8787), --token-file FILE, --actor NAME (the login "
    "name),\n"
    "         --reason TEXT (what takes a protection away needs one), --json, --help,\n"
    "         --version\n"
    "The token comes from --token-file, PERPCORE_TOKEN, or the file that a console on this "
    "machine\n"
    "left. Exit status: 0 done, 1 refused, 2 wrong use, 3 not reachable, or not known.\n";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- what is shown ---- */

struct view {
    const char *command;
    const char *path;
    enum { STATE, JOBS, POSITIONS, ORDERS, RULES, FEASIBILITY, COMPLIANCE, LATCHES } kind;
};

static const struct view views[] = {
    {"status", "/api/monitoring/state", STATE}, {"jobs", "/api/jobs/running", JOBS},
    {"positions", "/api/positions", POSITIONS}, {"orders", "/api/orders", ORDERS},
    {"rules", "/api/risk/rules", RULES},        {"compliance", "/api/risk/rules", COMPLIANCE},
    {"latches", "/api/latches", LATCHES},       {"feasibility", "/api/feasibility", FEASIBILITY}};

static void show(const struct view *view, const cJSON *json, bool colour) {
    if (view->kind == STATE)
        perpctl_show_state(json, colour);
    else if (view->kind == JOBS)
        perpctl_show_jobs(json);
    else if (view->kind == POSITIONS)
        perpctl_show_positions(json, colour);
    else if (view->kind == ORDERS)
        perpctl_show_orders(json, colour);
    else if (view->kind == RULES)
        perpctl_show_rules(json, colour);
    else if (view->kind == COMPLIANCE)
        perpctl_show_compliance(json);
    else if (view->kind == LATCHES)
        perpctl_show_latches(json);
    else
        perpctl_show_feasibility(json, colour);
}

/* Who stopped it and why. Where the log can't be had the state still says that it stands still. */
static void show_why(struct perpctl_client *client, const cJSON *state) {
    const cJSON *global = cJSON_GetObjectItemCaseSensitive(state, "global_stats");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(global, "system_status");
    cJSON *log = NULL;
    if (cJSON_IsString(status) && strcmp(status->valuestring, "running") != 0 &&
        perpctl_ask(client, "/api/control/log", NULL, &log, NULL) == PERPCTL_DONE)
        perpctl_show_last_control(log);
    cJSON_Delete(log);
}

/* A full buffer keeps a redrawn screen from flickering; what is left of an older, longer screen is
   cleared line by line. */
static void redraw(void) {
    fputs("\033[H\033[J", stdout);
}

/* What the options let pass needs no escapes in a URL. */
static void path_of(const struct view *view, const struct perpctl_options *options,
                    char path[256]) {
    const char *job = view->kind == ORDERS ? options->job : NULL;
    snprintf(path, 256, "%s%s%s%s%s", options->pending ? "/api/jobs/pending" : view->path,
             job != NULL ? "?job=" : "", job != NULL ? job : "",
             options->state == NULL ? ""
             : job != NULL          ? "&state="
                                    : "?state=",
             options->state != NULL ? options->state : "");
}

/* JSON as it came, but in ASCII: nothing of it steers a terminal, and it says the same. */
static void put_json(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
        unsigned long code = more == 0 ? *at : *at & (0x3fUL >> more);
        for (at++; more > 0 && (*at & 0xc0) == 0x80; more--)
            code = code << 6 | (*at++ & 0x3fU);
        if (code >= 0x10000)
            printf("\\u%04lx\\u%04lx", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
        else if (code >= 0x7f || (code < 0x20 && code != '\n' && code != '\t'))
            printf("\\u%04lx", code);
        else
            putchar((int)code);
    }
    putchar('\n');
}

static int run_view(struct perpctl_client *client, const struct view *view,
                    const struct perpctl_options *options) {
    static char buffer[65536];
    char path[256];
    path_of(view, options, path);
    bool terminal = isatty(STDOUT_FILENO) == 1;
    int status;
    if (options->watch)
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (options->watch && terminal)
        fputs("\033[2J", stdout);
    do {
        cJSON *json = NULL;
        char *text = NULL;
        status = perpctl_ask(client, path, NULL, &json, &text);
        if (status == PERPCTL_DONE) {
            if (options->watch && terminal)
                redraw();
            if (options->json)
                put_json(text);
            else
                show(view, json, options->colour);
            if (!options->json && view->kind == STATE)
                show_why(client, json);
        }
        cJSON_Delete(json);
        free(text);
        fflush(stdout);
        struct timespec second = {.tv_sec = 1};
        if (options->watch && status == PERPCTL_DONE && !interrupted)
            nanosleep(&second, NULL);
    } while (options->watch && status == PERPCTL_DONE && !interrupted);
    return status;
}

static bool is_id(const char *text) {
    return *text != '\0' && strlen(text) <= 64 &&
           strspn(text, "0123456789abcdefABCDEF-") == strlen(text);
}

static int run_explain(struct perpctl_client *client, const char *id,
                       const struct perpctl_options *options) {
    char path[128];
    snprintf(path, sizeof path, "/api/jobs/%s", id);
    cJSON *json = NULL;
    char *text = NULL;
    int status = perpctl_ask(client, path, NULL, &json, &text);
    if (status == PERPCTL_DONE && options->json)
        put_json(text);
    else if (status == PERPCTL_DONE)
        perpctl_show_job(json, options->colour);
    cJSON_Delete(json);
    free(text);
    return status;
}

/* ---- what is done ---- */

struct action {
    const char *command, *path;
    enum { NO_WORD, ON_OFF, MODE, JOB, BASE, SYMBOL } word;
};

static const struct action actions[] = {{"pause", "pause", NO_WORD},
                                        {"resume", "resume", NO_WORD},
                                        {"set-risk-mode", "set_risk_mode", MODE},
                                        {"override", "manual_override", ON_OFF},
                                        {"kill", "kill", ON_OFF},
                                        {"reset-halt", "reset_halt", NO_WORD},
                                        {"resolve", "resolve", BASE},
                                        {"resume-repair", "resume_repair", BASE},
                                        {"accept", "accept_position", SYMBOL},
                                        {"flatten", "flatten", BASE},
                                        {"cancel", "cancel", JOB}};

/* What the word of a command is called in its request. */
static const char *const word_names[] = {
    [MODE] = "mode", [JOB] = "job_id", [BASE] = "base", [SYMBOL] = "symbol"};

static const char *own_name(void) {
    const char *name = getenv("LOGNAME");
    if (name == NULL || *name == '\0')
        name = getenv("USER");
    const struct passwd *entry = name == NULL || *name == '\0' ? getpwuid(geteuid()) : NULL;
    if (entry != NULL)
        name = entry->pw_name;
    return name == NULL || *name == '\0' ? "perpctl" : name;
}

static char *body_of(const struct action *action, const char *word,
                     const struct perpctl_options *options) {
    cJSON *json = cJSON_CreateObject();
    const char *actor = options->actor != NULL ? options->actor : own_name();
    bool good = cJSON_AddStringToObject(json, "actor", actor) != NULL;
    if (options->reason != NULL)
        good = good && cJSON_AddStringToObject(json, "reason", options->reason) != NULL;
    if (action->word == ON_OFF)
        good = good && cJSON_AddBoolToObject(json, "enabled",
                                             word != NULL && strcmp(word, "on") == 0) != NULL;
    else if (action->word != NO_WORD && word != NULL &&
             !(strcmp(action->command, "flatten") == 0 && strcmp(word, "all") == 0))
        good = good && cJSON_AddStringToObject(json, word_names[action->word], word) != NULL;
    if (options->exchange != NULL)
        good = good && cJSON_AddStringToObject(json, "exchange", options->exchange) != NULL;
    if (options->job != NULL)
        good = good && cJSON_AddStringToObject(json, "job_id", options->job) != NULL;
    if (options->ttl_ms != NULL)
        good = good && cJSON_AddRawToObject(json, "ttl_ms", options->ttl_ms) != NULL;
    char *text = good ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

static int run_action(struct perpctl_client *client, const struct action *action, const char *word,
                      const struct perpctl_options *options) {
    char path[64];
    cJSON *json = NULL;
    char *text = NULL;
    char *body = body_of(action, word, options);
    if (body == NULL) {
        fputs("perpctl: no memory\n", stderr);
        return PERPCTL_REFUSED;
    }
    snprintf(path, sizeof path, "/api/control/%s", action->path);
    int status = perpctl_ask(client, path, body, &json, &text);
    if (status == PERPCTL_DONE && !cJSON_IsTrue(cJSON_GetObjectItem(json, "ok"))) {
        fprintf(stderr, "perpctl: %s: the answer does not say that it is done\n", options->url);
        status = PERPCTL_UNREACHABLE;
    } else if (status == PERPCTL_DONE && options->json) {
        put_json(text);
    } else if (status == PERPCTL_DONE) {
        printf("%s%s%s: done\n", action->command, word != NULL ? " " : "",
               word != NULL ? word : "");
    }
    cJSON_free(body);
    cJSON_Delete(json);
    free(text);
    return status;
}

/* ---- the command line ---- */

struct words {
    const char *all[3];
    int n;
};

static const char **text_option(const char *name, struct perpctl_options *options) {
    const struct {
        const char *name;
        const char **value;
    } texts[] = {{"--url", &options->url},           {"--token-file", &options->token_file},
                 {"--actor", &options->actor},       {"--reason", &options->reason},
                 {"--exchange", &options->exchange}, {"--job", &options->job},
                 {"--state", &options->state},       {"--ttl-ms", &options->ttl_ms}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0)
            return texts[i].value;
    return NULL;
}

/* 1: go on, 0: help was asked for, -1: wrong use. */
static int read_line(int argc, char **argv, struct perpctl_options *options, struct words *words) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char **text = text_option(name, options);
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
            return 0;
        if (strcmp(name, "--json") == 0)
            options->json = true;
        else if (strcmp(name, "--watch") == 0)
            options->watch = true;
        else if (strcmp(name, "--pending") == 0)
            options->pending = true;
        else if (text != NULL && i + 1 < argc)
            *text = argv[++i];
        else if (*name == '-' || words->n == 3)
            return -1;
        else
            words->all[words->n++] = name;
    }
    return words->n > 0 ? 1 : -1;
}

static const struct view *view_of(const char *command) {
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(command, views[i].command) == 0)
            return &views[i];
    return NULL;
}

static const struct action *action_of(const char *command) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(command, actions[i].command) == 0)
            return &actions[i];
    return NULL;
}

/* Whether the words and options belong together. */
static bool fits(const struct perpctl_options *options, const struct words *words) {
    const char *command = words->all[0], *word = words->all[1];
    const struct view *view = view_of(command);
    const struct action *action = action_of(command);
    bool explain = strcmp(command, "explain") == 0;
    bool takes_word = explain || (action != NULL && action->word != NO_WORD);
    if ((view == NULL && action == NULL && !explain) || words->n != (takes_word ? 2 : 1))
        return false;
    if (action != NULL && action->word == ON_OFF && strcmp(word, "on") != 0 &&
        strcmp(word, "off") != 0)
        return false;
    if ((explain || (action != NULL && action->word == JOB)) && !is_id(word))
        return false;
    if (options->ttl_ms != NULL &&
        (*options->ttl_ms == '\0' || strlen(options->ttl_ms) > 15 ||
         strspn(options->ttl_ms, "0123456789") != strlen(options->ttl_ms)))
        return false;
    bool override = strcmp(command, "override") == 0, orders = strcmp(command, "orders") == 0;
    if (options->state != NULL &&
        (!orders || *options->state == '\0' || strlen(options->state) > 32 ||
         strspn(options->state, "abcdefghijklmnopqrstuvwxyz_") != strlen(options->state)))
        return false;
    if (orders && options->job != NULL && !is_id(options->job))
        return false;
    return (override || options->ttl_ms == NULL) && (override || orders || options->job == NULL) &&
           (options->exchange == NULL || strcmp(command, "kill") == 0 ||
            strcmp(command, "accept") == 0 || strcmp(command, "flatten") == 0) &&
           (options->exchange != NULL || strcmp(command, "accept") != 0) &&
           (!options->watch || strcmp(command, "status") == 0) &&
           (!options->pending || strcmp(command, "jobs") == 0);
}

int main(int argc, char **argv) {
    struct perpctl_options options = {.url = "http://127.0.0.1:8787"};
    struct words words = {{NULL}, 0};
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("perpctl %s\n", perp_version_string()) < 0 ? PERPCTL_REFUSED : PERPCTL_DONE;
    int wanted = read_line(argc, argv, &options, &words);
    if (wanted > 0 && !fits(&options, &words))
        wanted = -1;
    if (wanted <= 0) {
        fputs(usage, wanted == 0 ? stdout : stderr);
        return wanted == 0 ? PERPCTL_DONE : PERPCTL_USAGE;
    }
    const char *no_colour = getenv("NO_COLOR");
    options.colour = isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || *no_colour == '\0');
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_interrupt;
    if (options.watch)
        sigaction(SIGINT, &act, NULL);
    struct perpctl_client *client = perpctl_open(&options);
    if (client == NULL)
        return PERPCTL_USAGE;
    const struct view *view = view_of(words.all[0]);
    const struct action *action = action_of(words.all[0]);
    int status = view != NULL     ? run_view(client, view, &options)
                 : action != NULL ? run_action(client, action, words.all[1], &options)
                                  : run_explain(client, words.all[1], &options);
    perpctl_close(client);
    if (fflush(stdout) != 0 && status == PERPCTL_DONE)
        status = PERPCTL_REFUSED;
    return status;
}
