/* The texts of markets, which are most of a state's JSON, kept from one to the next: an
   instrument's is made anew where a feed wrote since, or a settlement came between. */
#include <math.h>
#include <string.h>

#include "market/funding.h"
#include "monitor/monitor.h"

#define PAGE_SIZE (PERP_TEXT_PAGE * sizeof(struct perp_market_text))
#define LEAST_ROOM 65536

/* ---- Memory -------------------------------------------------------------------------------------
 */

static const struct perp_text_ends no_ends = {PERP_NO_ID, PERP_NO_ID};

static void init(struct perp_texts *texts) {
    memset(texts, 0, sizeof *texts);
    for (uint32_t i = 0; i < PERP_MAX_EXCHANGES; i++)
        texts->on_exchange[i] = no_ends;
}

/* Under the lock, or while closing. */
static void free_all(perp_core *core, struct perp_texts *texts) {
    for (uint32_t i = 0; i < texts->n_pages; i++)
        perp_free(core, texts->pages[i], PAGE_SIZE);
    perp_free(core, texts->pages, texts->pages_capacity * sizeof *texts->pages);
    perp_free(core, texts->links, texts->links_capacity * sizeof *texts->links);
    perp_free(core, texts->of_symbol, texts->symbols_capacity * sizeof *texts->of_symbol);
    perp_free(core, texts->room, texts->room_size);
}

static void free_texts(perp_core *core) {
    struct perp_texts *texts = core->texts;
    if (!texts)
        return;
    free_all(core, texts);
    pthread_mutex_destroy(&texts->lock);
    perp_free(core, texts, sizeof *texts);
    core->texts = NULL;
}

struct perp_texts *perp_texts_of(perp_core *core) {
    struct perp_texts *made = core->texts ? core->texts : perp_alloc(core, sizeof *made);
    if (core->texts || !made)
        return made;
    init(made);
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        perp_free(core, made, sizeof *made);
        return NULL;
    }
    core->free_texts = free_texts;
    core->texts = made;
    return made;
}

struct perp_texts *perp_texts_begin(const perp_core *core, struct perp_texts *texts,
                                    struct perp_texts *own) {
    if (texts && perp_in_rule(core) && pthread_mutex_trylock(&texts->lock) == 0)
        return texts;
    if (texts && !perp_in_rule(core)) {
        pthread_mutex_lock(&texts->lock);
        return texts;
    }
    init(own);
    return own;
}

void perp_texts_end(perp_core *core, struct perp_texts *texts, struct perp_texts *own) {
    if (texts != own) {
        pthread_mutex_unlock(&texts->lock);
        return;
    }
    perp_lock(core);
    free_all(core, own);
    perp_unlock(core);
}

/* Allocators are called under the book's lock, for one page in each hold. A page that there is no
   memory for is asked for again the next time. */
static bool add_page(perp_core *core, struct perp_texts *texts) {
    perp_lock(core);
    struct perp_market_text *page = NULL;
    if (perp_grow(core, (void **)&texts->pages, &texts->pages_capacity, texts->n_pages + 1,
                  sizeof *texts->pages))
        page = perp_alloc(core, PAGE_SIZE);
    perp_unlock(core);
    if (!page)
        return false;
    for (uint32_t i = 0; i < PERP_TEXT_PAGE; i++)
        page[i].version.slot = NULL;
    texts->pages[texts->n_pages++] = page;
    return true;
}

static bool grow_room(struct perp_json_text *text, size_t size) {
    const struct perp_text_room *room = text->user;
    struct perp_texts *texts = room->texts;
    size_t used = (size_t)(text->at - text->start);
    size_t most = texts->room_size < LEAST_ROOM ? LEAST_ROOM : texts->room_size * 2;
    while (most - used < size)
        most *= 2;
    perp_lock(room->core);
    char *more = perp_alloc(room->core, most);
    perp_unlock(room->core);
    if (!more)
        return false;
    if (used)
        memcpy(more, text->start, used);
    perp_lock(room->core);
    perp_free(room->core, texts->room, texts->room_size);
    perp_unlock(room->core);
    texts->room = more;
    texts->room_size = most;
    text->start = more;
    text->at = more + used;
    text->end = more + most;
    return true;
}

void perp_texts_write(struct perp_text_room *room, struct perp_json_text *text) {
    char *start = room->texts->room;
    *text = (struct perp_json_text){.start = start,
                                    .at = start,
                                    .end = start ? start + room->texts->room_size : NULL,
                                    .grow = grow_room,
                                    .user = room};
}

/* ---- The order ----------------------------------------------------------------------------------
 */

static bool room_for_links(perp_core *core, struct perp_texts *texts, uint32_t n,
                           uint32_t n_symbols) {
    if (n <= texts->links_capacity && n_symbols <= texts->symbols_capacity)
        return true;
    perp_lock(core);
    bool room =
        perp_grow(core, (void **)&texts->links, &texts->links_capacity, n, sizeof *texts->links) &&
        perp_grow(core, (void **)&texts->of_symbol, &texts->symbols_capacity, n_symbols,
                  sizeof *texts->of_symbol);
    perp_unlock(core);
    return room;
}

static void link_instrument(const perp_core *core, struct perp_texts *texts,
                            perp_instrument_id id) {
    const struct perp_instrument_entry *entry = perp_instrument_at(core, id);
    struct perp_text_ends *symbol = &texts->of_symbol[entry->symbol];
    struct perp_text_ends *exchange = &texts->on_exchange[entry->spec.exchange];
    bool is_first = symbol->first == PERP_NO_ID;
    texts->links[id] = (struct perp_text_link){PERP_NO_ID, PERP_NO_ID, is_first};
    if (is_first)
        symbol->first = id;
    else
        texts->links[symbol->last].next_of_symbol = id;
    if (exchange->first == PERP_NO_ID)
        exchange->first = id;
    else
        texts->links[exchange->last].next_on_exchange = id;
    symbol->last = exchange->last = id;
}

static bool link_instruments(perp_core *core, struct perp_texts *texts, uint32_t n,
                             uint32_t n_symbols) {
    if (!room_for_links(core, texts, n, n_symbols))
        return false;
    for (; texts->n_symbols < n_symbols; texts->n_symbols++)
        texts->of_symbol[texts->n_symbols] = no_ends;
    for (; texts->n_links < n; texts->n_links++)
        link_instrument(core, texts, texts->n_links);
    return true;
}

/* ---- The texts ----------------------------------------------------------------------------------
 */

static void put_market(struct perp_out *out, const char *exchange, const char *symbol,
                       const perp_market_state *market) {
    struct {
        const char *symbol;
        double last, bid, ask, spread, spread_bps, short_term_volatility, funding_rate;
        int64_t next_funding, timestamp;
    } row = {symbol,
             market->last,
             market->bid,
             market->ask,
             market->ask - market->bid,
             market->spread_bps,
             market->volatility,
             market->funding_rate,
             market->next_funding_ns,
             market->quote_time_ns},
      *stats = &row;
    perp_out_begin_named(out, exchange);
    PERP_MONITOR_MARKET_LIST(PERP_OUT)
    perp_out_end(out);
}

/* Begins in a buffer of its own, with the bracket that what is written later stands behind. */
static struct perp_out begin_in(char *buffer, size_t size) {
    struct perp_out out = {.text = {.start = buffer, .at = buffer + 1, .end = buffer + size}};
    *buffer = '{';
    return out;
}

/* How much is behind the bracket. */
static uint32_t end_in(const struct perp_out *out) {
    return (uint32_t)(out->text.at - out->text.start - 1);
}

/* The times for which the next settlement is the one that is shown. */
static void take_span(const perp_market_state *market, struct perp_market_text *text) {
    text->from = INT64_MIN;
    text->until = INT64_MAX;
    if (isnan(market->funding_rate) || market->continuous_funding)
        return;
    text->until = market->next_funding_ns; /* PERP_TIME_NONE, before all times: not kept */
    int64_t interval = perp_funding_interval_ns(market->funding_interval_h);
    if (__builtin_sub_overflow(text->until, interval, &text->from))
        text->from = INT64_MIN;
}

/* false: there is no room in it, which no name or number is so long as to bring about. */
static bool make(const struct perp_taken_state *state, perp_instrument_id id,
                 struct perp_market_version version, struct perp_market_text *text) {
    const perp_core *core = state->core;
    const perp_instrument_spec *spec = &perp_instrument_at(core, id)->spec;
    perp_market_state market;
    perp_market_state_of(core->market, id, state->s->now_ns, state->volatility_threshold, &market);
    text->version = version;
    text->volatility = market.volatility;
    take_span(&market, text);
    struct perp_out out = begin_in(text->market, sizeof text->market);
    put_market(&out, core->exchanges[spec->exchange].spec.name, spec->symbol, &market);
    text->length = end_in(&out);
    bool fits = !out.text.failed;
    out = begin_in(text->rate, sizeof text->rate);
    if (!isnan(market.funding_rate) || spec->kind == PERP_KIND_PERP)
        perp_out_named_number(&out, spec->symbol, market.funding_rate);
    text->rate_length = end_in(&out);
    return fits && !out.text.failed;
}

static bool is_current(const struct perp_market_text *text, struct perp_market_version version,
                       int64_t now) {
    return text->version.slot == version.slot && text->version.seq == version.seq &&
           now >= text->from && now < text->until;
}

perp_status perp_texts_take(struct perp_texts *texts, const struct perp_taken_state *state) {
    perp_core *core = state->core;
    uint32_t n = state->budgets.n_instruments;
    if (!link_instruments(core, texts, n, state->n_symbols))
        return PERP_E_NOMEM;
    for (perp_instrument_id id = 0; id < n; id++) {
        uint32_t page = id / PERP_TEXT_PAGE;
        if (page == texts->n_pages && !add_page(core, texts))
            return PERP_OK; /* the others are written directly */
        struct perp_market_text *text = &texts->pages[page][id % PERP_TEXT_PAGE];
        struct perp_market_version version = perp_market_version_of(core->market, id);
        if (!is_current(text, version, state->s->now_ns) && !make(state, id, version, text))
            return PERP_E_NOMEM;
    }
    return PERP_OK;
}

const struct perp_market_text *perp_texts_at(const struct perp_texts *texts,
                                             const struct perp_taken_state *state,
                                             perp_instrument_id id,
                                             struct perp_market_text *spare) {
    if (id / PERP_TEXT_PAGE < texts->n_pages)
        return &texts->pages[id / PERP_TEXT_PAGE][id % PERP_TEXT_PAGE];
    bool fits = make(state, id, perp_market_version_of(state->core->market, id), spare);
    return fits ? spare : NULL;
}
