/* perpctl: a client of the console for the shell. */
#ifndef PERPCTL_H
#define PERPCTL_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

/* The exit status. */
enum perpctl_exit { PERPCTL_DONE, PERPCTL_REFUSED, PERPCTL_USAGE, PERPCTL_UNREACHABLE };

struct perpctl_options {
    const char *url;
    const char *token_file;
    const char *actor;
    const char *reason;
    const char *exchange; /* of kill, accept and flatten */
    const char *job;      /* of override and orders */
    const char *state;    /* of orders */
    const char *ttl_ms;   /* of override */
    bool json, watch, pending, colour;
};

/* ---- the connection ---- */

struct perpctl_client;
/* NULL: what is missing was said. */
struct perpctl_client *perpctl_open(const struct perpctl_options *options);
void perpctl_close(struct perpctl_client *client);
/* Asks; body NULL: GET. On PERPCTL_DONE *json is the answer; otherwise why not was said on standard
   error. *text (may be NULL) gets the answer as it came, to be freed. */
int perpctl_ask(struct perpctl_client *client, const char *path, const char *body, cJSON **json,
                char **text);

/* ---- tables ---- */

void perpctl_show_state(const cJSON *state, bool colour);
/* The newest control action that was done. */
void perpctl_show_last_control(const cJSON *log);
void perpctl_show_jobs(const cJSON *jobs);
void perpctl_show_positions(const cJSON *positions, bool colour);
void perpctl_show_orders(const cJSON *orders, bool colour);
void perpctl_show_job(const cJSON *job, bool colour);
void perpctl_show_rules(const cJSON *rules, bool colour);
void perpctl_show_compliance(const cJSON *rules);
void perpctl_show_latches(const cJSON *latches);
void perpctl_show_feasibility(const cJSON *feasibility, bool colour);

#endif
