/* The rules of the host: adding them, their names, and asking them. */
#include "risk/rules.h"

#include <math.h>
#include <string.h>

#include "core/events.h"
#include "util/num.h"
#include "util/sized.h"
#include "util/text.h"

void perp_rule_answer_init(perp_rule_answer *answer) {
    if (!answer)
        return;
    memset(answer, 0, sizeof *answer);
    answer->struct_size = sizeof *answer;
    answer->sense = PERP_SENSE_NONE;
    answer->value = answer->limit = NAN;
    answer->until_ns = PERP_TIME_NONE;
}

void perp_host_rule_init(perp_host_rule *rule) {
    if (!rule)
        return;
    memset(rule, 0, sizeof *rule);
    rule->struct_size = sizeof *rule;
    rule->repairs_pass = 1;
}

static perp_status check_text(const perp_core *core, const char *field, const char *text) {
    char shown[80];
    if (!text)
        return perp_fail(core, PERP_E_INVALID, "rule.%s: NULL", field);
    if (perp_rule_name_is_one(text))
        return PERP_OK;
    perp_text_show(text, shown, sizeof shown);
    return perp_fail(core, PERP_E_INVALID,
                     "rule.%s: '%s' is not 1 to %d of a to z, 0 to 9 and '_', a letter first",
                     field, shown, PERP_NAME_SIZE - 1);
}

static perp_status check_rule(const perp_core *core, const perp_host_rule *rule) {
    if (rule->hard > 1)
        return perp_fail(core, PERP_E_INVALID, "rule.hard: %u is neither 0 nor 1", rule->hard);
    if (rule->repairs_pass > 1)
        return perp_fail(core, PERP_E_INVALID, "rule.repairs_pass: %u is neither 0 nor 1",
                         rule->repairs_pass);
    if (!rule->hard && !rule->repairs_pass)
        return perp_fail(core, PERP_E_INVALID,
                         "rule.repairs_pass: 0, but repairs pass every soft rule");
    for (uint32_t i = 0; i < sizeof rule->reserved / sizeof *rule->reserved; i++)
        if (rule->reserved[i])
            return perp_fail(core, PERP_E_INVALID, "rule.reserved: must be 0");
    if (!rule->ask)
        return perp_fail(core, PERP_E_INVALID, "rule.ask: NULL");
    perp_status status = check_text(core, "name", rule->name);
    if (status == PERP_OK && rule->value)
        status = check_text(core, "value", rule->value);
    if (status == PERP_OK && rule->unit && rule->unit[0])
        status = check_text(core, "unit", rule->unit);
    return status;
}

static bool is_of_library(const char *name) {
    for (uint32_t reason = 0; reason < PERP_REASON_END; reason++)
        if (strcmp(perp_reason_string(reason), name) == 0)
            return true;
    return false;
}

/* Whether a job that the book knows was refused by a reason. */
static bool was_refused_by(const perp_core *core, uint32_t reason) {
    struct perp_chains_walk jobs = {&core->jobs, 0, NULL};
    for (const struct perp_job_entry *job; (job = perp_jobs_next(&jobs));) {
        if (job->standing == reason || job->last_refusal == reason)
            return true;
    }
    return false;
}

/* The number of a name: that which it has, else one that is free, else one whose name nothing
   speaks of any more; PERP_MAX_HOST_RULES: none. */
static uint32_t number_for(const perp_core *core, const char *name) {
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        if (strcmp(core->host_names[i].name, name) == 0)
            return i;
    for (uint32_t i = 0; i < PERP_MAX_HOST_RULES; i++)
        if (!core->host_names[i].name[0])
            return i;
    uint32_t i = 0;
    while (i < PERP_MAX_HOST_RULES &&
           (core->risk->host[i].added || core->host_names[i].refused_today ||
            was_refused_by(core, PERP_REASON_HOST_1 + i)))
        i++;
    return i;
}

/* The name gets its number in the book; as with an exchange the clock does not move. */
static perp_status name_it(perp_core *core, uint32_t number, const char *name) {
    if (strcmp(core->host_names[number].name, name) == 0)
        return PERP_OK;
    struct perp_ev_host_rule row = {.number = number};
    memcpy(row.name, name, strlen(name) + 1);
    perp_batch_begin(core, NULL, perp_clock(core));
    perp_put_host_rule(core, &row);
    return perp_batch_commit(core);
}

static void put_in_order(perp_risk *risk, uint32_t number, bool hard) {
    uint32_t at = hard ? risk->n_host_hard++ : risk->n_host;
    memmove(&risk->host_order[at + 1], &risk->host_order[at],
            (risk->n_host - at) * sizeof *risk->host_order);
    risk->host_order[at] = number;
    risk->n_host++;
}

static perp_status add_rule(perp_risk *risk, perp_host_rule *rule) {
    perp_core *core = risk->core;
    if (core->corrupt)
        return perp_corrupt(core);
    perp_status status = check_rule(core, rule);
    if (status != PERP_OK)
        return status;
    uint32_t number = number_for(core, rule->name);
    if (is_of_library(rule->name) || (number < PERP_MAX_HOST_RULES && risk->host[number].added))
        return perp_fail(core, PERP_E_EXISTS, "rule.name: '%s' is taken", rule->name);
    if (risk->jobs_began)
        return perp_fail(core, PERP_E_STATE, "rule: '%s' comes after the first job or tick",
                         rule->name);
    if (number == PERP_MAX_HOST_RULES)
        return perp_fail(core, PERP_E_RANGE,
                         "rule: '%s' finds no number: the book remembers %d names, and what they "
                         "refused",
                         rule->name, PERP_MAX_HOST_RULES);
    status = name_it(core, number, rule->name);
    if (status != PERP_OK)
        return status;
    struct perp_host_entry *own = &risk->host[number];
    own->hard = rule->hard;
    own->repairs_pass = rule->repairs_pass;
    memcpy(own->value, rule->value ? rule->value : "value",
           rule->value ? strlen(rule->value) + 1 : sizeof "value");
    if (rule->unit)
        memcpy(own->unit, rule->unit, strlen(rule->unit) + 1);
    own->ask = rule->ask;
    own->user = rule->user;
    own->added = true;
    put_in_order(risk, number, own->hard);
    rule->reason = PERP_REASON_HOST_1 + number;
    return PERP_OK;
}

perp_status perp_risk_add_rule(perp_risk *risk, perp_host_rule *rule) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    perp_core *core = risk->core;
    perp_host_rule full;
    perp_host_rule_init(&full);
    if (!rule || rule->struct_size < offsetof(perp_host_rule, reserved) ||
        !perp_struct_in(&full, sizeof full, rule))
        return perp_fail(core, PERP_E_INVALID, "rule: NULL, or struct_size is not known");
    if (perp_in_rule(core))
        return perp_refuse_in_rule(core);
    perp_enter(core);
    perp_status status = perp_leave(core, add_rule(risk, &full));
    if (status == PERP_OK)
        rule->reason = full.reason;
    return status;
}

perp_status perp_risk_rule_changed(perp_risk *risk, uint32_t reason) {
    if (!risk)
        return perp_fail(NULL, PERP_E_INVALID, "risk: NULL");
    uint32_t number = reason - PERP_REASON_HOST_1;
    if (number >= PERP_MAX_HOST_RULES || !risk->host[number].added)
        return perp_fail(risk->core, PERP_E_NOT_FOUND, "rule: no rule of the host is %u", reason);
    atomic_fetch_add(&risk->host[number].changes, 1);
    return PERP_OK;
}

const char *perp_risk_reason_string(const perp_risk *risk, uint32_t reason) {
    return risk ? perp_reason_name(risk->core, reason) : perp_reason_string(reason);
}

struct perp_answer *perp_answers_of(perp_core *core, struct perp_job_entry *job) {
    const size_t size = PERP_MAX_HOST_RULES * sizeof *job->answers;
    if (!core->risk->n_host || job->answers)
        return job->answers;
    job->answers = perp_alloc(core, size);
    if (job->answers)
        memset(job->answers, 0, size);
    return job->answers;
}

void perp_answers_free(perp_core *core, struct perp_job_entry *job) {
    perp_free(core, job->answers, PERP_MAX_HOST_RULES * sizeof *job->answers);
    job->answers = NULL;
}

/* What a rule is shown of a job, as one number: of all that does not change with time alone. */
static uint64_t hash_seen(const struct perp_eval *e, const perp_evaluation *so_far) {
    static const uint32_t ages[] = {PERP_REASON_STALE_QUOTE, PERP_REASON_FUNDING_BLACKOUT};
    perp_evaluation seen = *so_far;
    for (uint32_t i = 0; i < seen.n_legs; i++)
        seen.legs[i].quote_age_ns = seen.legs[i].settlement_distance_ns = 0;
    for (uint32_t i = 0; i < sizeof ages / sizeof *ages; i++)
        seen.rules[ages[i]].value = 0;
    uint64_t hash = 0, word;
    for (size_t at = 0; at + sizeof word <= sizeof seen; at += sizeof word) {
        memcpy(&word, (const char *)&seen + at, sizeof word);
        hash = perp_hash_u64(hash, word);
    }
    for (uint32_t i = 0; i < e->job->n_legs; i++) {
        memcpy(&word, &e->job->legs[i].quantity, sizeof word);
        hash = perp_hash_u64(perp_hash_u64(hash, word), e->job->legs[i].instrument);
    }
    return hash;
}

/* A rule's answer: the one that is kept, or what the host's function says now. */
static void answer_of(const struct perp_eval *e, uint32_t number, const perp_job *job,
                      const perp_evaluation *so_far, struct perp_answer *out) {
    perp_core *core = (perp_core *)(uintptr_t)e->core;
    struct perp_host_entry *own = &core->risk->host[number];
    struct perp_answer *kept = e->answers ? &e->answers[number] : NULL;
    uint64_t changes = atomic_load(&own->changes);
    uint64_t seen = kept && !e->answers_stand ? hash_seen(e, so_far) : 0;
    if (kept && kept->given &&
        (e->answers_stand ||
         (kept->changes == changes && kept->seen == seen &&
          (kept->until == PERP_TIME_NONE || (kept->from <= e->now && e->now < kept->until))))) {
        *out = *kept;
        return;
    }
    perp_rule_answer said;
    perp_rule_answer_init(&said);
    struct perp_callback callback;
    perp_rule_begin(&callback, core);
    own->ask(own->user, job, so_far, &said);
    perp_rule_end(&callback);
    *out = (struct perp_answer){true,   said.sense,    said.value, said.limit,
                                e->now, said.until_ns, changes,    seen};
    if (kept && !e->answers_stand)
        *kept = *out;
    if (e->plan)
        own->bad = said.sense == PERP_SENSE_NONE || said.sense > PERP_SENSE_NOT_HELD;
}

static perp_rule_evaluation held(const struct perp_answer *answer) {
    const perp_rule_evaluation not_held = {NAN, NAN, PERP_RULE_NOT_HELD, PERP_NO_ID};
    const perp_rule_evaluation fails = {NAN, NAN, PERP_RULE_FAILS, PERP_NO_ID};
    if (answer->sense == PERP_SENSE_NOT_HELD)
        return not_held;
    if (answer->sense == PERP_SENSE_NONE || answer->sense > PERP_SENSE_NOT_HELD)
        return fails;
    return perp_rule_hold(answer->sense, PERP_UNKNOWN_FAILS, answer->value, answer->limit);
}

void perp_eval_host_rules(struct perp_eval *e) {
    const perp_risk *risk = e->risk;
    perp_job job;
    perp_job_spec_of(e->job, &job);
    memset(&e->rules[PERP_REASON_HOST_1], 0, PERP_MAX_HOST_RULES * sizeof *e->rules);
    memset(e->host_senses, 0, sizeof e->host_senses);
    for (uint32_t i = 0; i < risk->n_host; i++) {
        uint32_t number = risk->host_order[i], reason = PERP_REASON_HOST_1 + number;
        perp_evaluation so_far;
        struct perp_answer answer;
        perp_eval_explain(e, &so_far);
        answer_of(e, number, &job, &so_far, &answer);
        if (answer.until != PERP_TIME_NONE && answer.until - 1 < e->holds)
            e->holds = answer.until - 1;
        e->rules[reason] = held(&answer);
        e->host_senses[number] =
            answer.sense < PERP_SENSE_NOT_HELD ? answer.sense : PERP_SENSE_NONE;
        if (e->rules[reason].result == PERP_RULE_FAILS)
            e->reasons |= PERP_REASON_BIT(reason);
        perp_eval_judge(e);
    }
}

void perp_host_rules_tell(perp_core *core) {
    perp_risk *risk = core->risk;
    for (uint32_t i = 0; i < risk->n_host; i++) {
        uint32_t number = risk->host_order[i];
        struct perp_host_entry *own = &risk->host[number];
        if (own->bad && !own->told)
            perp_tell_log(core, PERP_LOG_ERROR, "the rule %s gave no answer: it fails",
                          core->host_names[number].name);
        own->told = own->bad;
    }
}
