// ck_attention_map: maps of the softmax from Q, K and the lse, a tile of weights at a time. Two passes, so
// that every number has one owner whatever the threads: rows of queries own weights, the largest and the
// entropy, and walk the keys; strips of keys own sums over queries and means over heads, and walk the
// queries. Only the passes that are asked for run. Scores come from the GEMM and the row kernel of `blocked`.
#include "attention_maps.h"

#include <math.h>
#include <string.h>

#include "attention_rows.h"
#include "driver.h"
#include "parallel.h"

typedef struct {
    float *weights;      // [tile_rows][CK_MAP_KEYS], at first the scores
    float *lse;          // [tile_rows]
    float *key_factors;  // [CK_MAP_KEYS], null unless normalize_qk
    float *q, *k;        // null where the operand is read in place
    double *entropy;     // [tile_rows]
    ck_top *top;         // [tile_rows][top_count]
    double *mass;        // [strip_keys]
    double *cells;       // [tile_rows / pool_queries or 1][strip_keys / pool_keys]
    ck_gemm_serial gemm;
} map_scratch;

typedef struct {
    ck_attention_call call;
    const ck_attention_maps *maps;
    ck_map_plan plan;
    map_scratch *scratch;  // [threads]
} map_run;

static map_scratch take_scratch(const ck_attention_call *const call, const ck_attention_maps *const m,
                                const ck_map_plan *const plan, ck_arena *const arena) {
    const ck_attention_problem *const p = call->problem;
    const int64_t rows = plan->tile_rows;
    map_scratch scratch = {.weights = ck_arena_take(arena, rows * CK_MAP_KEYS, sizeof(float)),
                           .lse = ck_arena_take(arena, rows, sizeof(float)),
                           .q = ck_take_widened(arena, &p->q, rows, p->head_dim),
                           .k = ck_take_keys(arena, p, &p->k, CK_MAP_KEYS, p->head_dim)};
    if (p->scores.normalize_qk) scratch.key_factors = ck_arena_take(arena, CK_MAP_KEYS, sizeof(float));
    if (ck_wants(&m->entropy)) scratch.entropy = ck_arena_take(arena, rows, sizeof(double));
    if (plan->finds_top) scratch.top = ck_arena_take(arena, rows * m->top_count, sizeof(ck_top));
    if (ck_wants(&m->column_mass)) scratch.mass = ck_arena_take(arena, plan->strip_keys, sizeof(double));
    if (ck_wants(&m->pooled)) scratch.cells = ck_arena_take(arena, plan->cells, sizeof(double));
    const ck_f32_rows q = {.stride = scratch.q ? p->head_dim : p->q.row_stride};
    const ck_f32_rows k = {.stride = ck_keys_in_place(p, &p->k) ? p->k.row_stride : p->head_dim};
    const ck_gemm_operation largest = ck_score_product(p, rows, CK_MAP_KEYS, q, k, CK_MAP_KEYS);
    scratch.gemm = ck_gemm_serial_take(arena, call->ops, &largest);
    return scratch;
}

static map_run layout(const ck_attention_call *const call, const ck_attention_maps *const maps,
                      ck_arena *const arena) {
    map_run run = {.call = *call, .maps = maps, .plan = ck_plan_maps(call->problem, maps, call->threads)};
    run.scratch = ck_arena_take(arena, run.plan.threads, sizeof *run.scratch);
    for (int32_t worker = 0; worker < run.plan.threads; ++worker) {
        const map_scratch scratch = take_scratch(call, maps, &run.plan, arena);
        if (run.scratch) run.scratch[worker] = scratch;
    }
    return run;
}

// Rows row ..< row + rows of one head against keys from ..< end, which lie in one tile. `counted` is the
// first of them that is asked for; those before fill up a vector.
typedef struct {
    int64_t batch, head, row, rows;
    int64_t from, counted, end;
} map_tile;

// The tile of keys that begins at or before `key`, up to `end`. Tiles are anchored at absolute keys, so a
// weight does not depend on the rectangle.
static map_tile tile_at(const map_tile *const rows, const int64_t key, const int64_t end) {
    map_tile t = *rows;
    t.counted = key;
    t.from = key / CK_KEY_ALIGNMENT * CK_KEY_ALIGNMENT;
    t.end = ck_min(end, (key / CK_MAP_KEYS + 1) * CK_MAP_KEYS);
    return t;
}

static bool is_hidden(const ck_attention_problem *const p, const map_tile *const t) {
    const ck_key_rule rule = ck_key_rule_of(p, t->batch);
    const ck_key_interval first = ck_keys_seen(&rule, t->row),
                          last = ck_keys_seen(&rule, t->row + t->rows - 1);
    return first.low >= t->end || last.high <= t->from;
}

// Weights of the tile: key j in column j - from. Returns false, and writes none, where no query sees a key.
static bool compute_tile(const map_run *const run, const map_scratch *const s, const map_tile *const t,
                         double *const entropy) {
    const ck_attention_problem *const p = run->call.problem;
    if (is_hidden(p, t)) return false;
    const ck_f32_rows q = ck_query_rows(&run->call, t->batch, t->head, t->row, t->rows, s->q);
    const ck_f32_rows k =
        ck_key_rows(&run->call, &p->k, t->batch, t->head, t->from, t->end, p->head_dim, s->k);
    ck_gemm_operation product = ck_score_product(p, t->rows, t->end - t->from, q, k, CK_MAP_KEYS);
    product.c = s->weights;
    ck_gemm_serial_run(run->call.ops, &s->gemm, &product);
    for (int64_t i = 0; i < t->rows; ++i) s->lse[i] = *ck_at(&p->lse, t->batch, t->head, t->row + i);
    const ck_map_rows rows = {.rows = {.problem = p,
                                       .batch = t->batch,
                                       .head = t->head,
                                       .row = t->row,
                                       .rows = t->rows,
                                       .scores = s->weights,
                                       .origin = t->from,
                                       .stride = CK_MAP_KEYS,
                                       .first_key = t->from,
                                       .end_key = t->end,
                                       .key_factors = s->key_factors,
                                       .lse = s->lse},
                              .first_counted = t->counted,
                              .entropy = entropy};
    run->call.ops->map_rows(&rows);
    return true;
}

// Row i of the tile's weights, from its first counted key on.
static const float *tile_row(const map_scratch *const s, const map_tile *const t, const int64_t i) {
    return s->weights + i * CK_MAP_KEYS + (t->counted - t->from);
}

// --- Rows ---------------------------------------------------------------------------------------

static void store_weights(const map_run *const run, const map_scratch *const s, const map_tile *const t,
                          const bool seen) {
    const ck_attention_maps *const m = run->maps;
    const int64_t keys = t->end - t->counted;
    for (int64_t i = 0; i < t->rows; ++i) {
        float *const target =
            ck_at(&m->weights, t->batch, t->head, t->row + i - m->first_query) + (t->counted - m->first_key);
        if (!seen) {
            memset(target, 0, (size_t)keys * sizeof *target);
            continue;
        }
        const float *const weights = tile_row(s, t, i);
        for (int64_t j = 0; j < keys; ++j) target[j] = weights[j] + 0.0f;  // the -0 of masked slots is 0
    }
}

static void store_top(const map_run *const run, const map_tile *const t, ck_top *const top) {
    const ck_attention_maps *const m = run->maps;
    for (int64_t i = 0; i < t->rows; ++i) {
        const int64_t row = t->row + i - m->first_query;
        ck_top *const found = top + i * m->top_count;
        ck_top_sort(found, m->top_count);
        float *const weights =
            ck_wants(&m->top_weights) ? ck_at(&m->top_weights, t->batch, t->head, row) : NULL;
        int32_t *const keys = ck_wants(&m->top_keys) ? ck_row(&m->top_keys, t->batch, t->head, row) : NULL;
        for (int64_t n = 0; n < m->top_count; ++n) {
            if (weights) weights[n] = found[n].key < 0 ? 0 : found[n].weight;
            if (keys) keys[n] = found[n].key;
        }
    }
}

static void map_rows(void *const context, const int64_t index, const int32_t worker) {
    const map_run *const run = context;
    const ck_attention_problem *const p = run->call.problem;
    const ck_attention_maps *const m = run->maps;
    const map_scratch *const s = &run->scratch[worker];
    const int64_t head = index / run->plan.row_blocks, block = index % run->plan.row_blocks;
    map_tile rows = {.batch = head / p->heads,
                     .head = head % p->heads,
                     .row = m->first_query + block * run->plan.tile_rows};
    rows.rows = ck_min(run->plan.tile_rows, m->first_query + m->queries - rows.row);
    for (int64_t i = 0; s->entropy && i < rows.rows; ++i) s->entropy[i] = 0;
    if (s->top) ck_top_clear(s->top, rows.rows * m->top_count);
    const int64_t end = m->first_key + m->keys;
    for (int64_t key = m->first_key; key < end;) {
        const map_tile t = tile_at(&rows, key, end);
        const bool seen = compute_tile(run, s, &t, s->entropy);
        if (ck_wants(&m->weights) && !m->head_mean) store_weights(run, s, &t, seen);
        for (int64_t i = 0; seen && s->top && i < t.rows; ++i)
            ck_top_take(s->top + i * m->top_count, m->top_count, tile_row(s, &t, i), t.counted,
                        t.end - t.counted);
        key = t.end;
    }
    for (int64_t i = 0; s->entropy && i < rows.rows; ++i)
        *ck_at(&m->entropy, rows.batch, rows.head, rows.row + i - m->first_query) = (float)s->entropy[i];
    if (s->top) store_top(run, &rows, s->top);
}

// --- Strips of keys -----------------------------------------------------------------------------

// Keys first ..< end of one head, or of the mean over all.
typedef struct {
    int64_t batch, head, first, end;
    int64_t first_head, end_head;
} map_strip;

// The mean over heads is summed where it will stand.
static void add_head(const map_run *const run, const map_scratch *const s, const map_tile *const t,
                     const bool seen) {
    const ck_attention_maps *const m = run->maps;
    const bool last = t->head == run->call.problem->heads - 1;
    const float share = 1.0f / (float)run->call.problem->heads;
    for (int64_t i = 0; i < t->rows; ++i) {
        float *const target =
            ck_at(&m->weights, t->batch, 0, t->row + i - m->first_query) + (t->counted - m->first_key);
        const float *const weights = tile_row(s, t, i);
        for (int64_t j = 0; j < t->end - t->counted; ++j) {
            const float sum = (t->head == 0 ? 0 : target[j]) + (seen ? weights[j] : 0);
            target[j] = last ? sum * share : sum;
        }
    }
}

// `cells` begin at the row of cells that `first_row` of the tile's band stands in.
static void add_cells(const map_run *const run, const map_scratch *const s, const map_tile *const t,
                      const map_strip *const strip, const int64_t first_row) {
    const ck_attention_maps *const m = run->maps;
    const int64_t columns = ck_ceil_div(strip->end - strip->first, m->pool_keys);
    for (int64_t i = 0; i < t->rows; ++i) {
        double *const cells = s->cells + (t->row + i - first_row) / m->pool_queries * columns;
        const float *const weights = tile_row(s, t, i);
        for (int64_t key = t->counted; key < t->end;) {
            const int64_t cell = (key - strip->first) / m->pool_keys;
            const int64_t stop = ck_min(t->end, strip->first + (cell + 1) * m->pool_keys);
            double sum = 0;
            for (; key < stop; ++key) sum += (double)weights[key - t->counted];
            cells[cell] += sum;
        }
    }
}

static void store_cells(const map_run *const run, const map_scratch *const s, const map_strip *const strip,
                        const int64_t first_row, const int64_t rows) {
    const ck_attention_maps *const m = run->maps;
    const int64_t columns = ck_ceil_div(strip->end - strip->first, m->pool_keys);
    const double heads = (double)(strip->end_head - strip->first_head);
    for (int64_t row = 0; row < rows; row += m->pool_queries) {
        float *const target = ck_at(&m->pooled, strip->batch, strip->head,
                                    (first_row + row - m->first_query) / m->pool_queries) +
                              (strip->first - m->first_key) / m->pool_keys;
        const double high = (double)ck_min(m->pool_queries, rows - row);
        for (int64_t cell = 0; cell < columns; ++cell) {
            const int64_t left = strip->end - strip->first - cell * m->pool_keys;
            const double size = high * (double)ck_min(m->pool_keys, left) * heads;
            target[cell] = (float)(s->cells[row / m->pool_queries * columns + cell] / size);
        }
    }
}

static void add_mass(const map_scratch *const s, const map_tile *const t, const int64_t first) {
    for (int64_t i = 0; i < t->rows; ++i) {
        const float *const weights = tile_row(s, t, i);
        double *const mass = s->mass + (t->counted - first);
        for (int64_t j = 0; j < t->end - t->counted; ++j) mass[j] += (double)weights[j];
    }
}

// The rows of one tile, of every head of the strip.
static void strip_tiles(const map_run *const run, const map_scratch *const s, const map_strip *const strip,
                        map_tile *const rows, const int64_t first_row) {
    const ck_attention_maps *const m = run->maps;
    for (rows->head = strip->first_head; rows->head < strip->end_head; ++rows->head) {
        for (int64_t key = strip->first; key < strip->end;) {
            const map_tile t = tile_at(rows, key, strip->end);
            const bool seen = compute_tile(run, s, &t, NULL);
            if (ck_wants(&m->weights) && m->head_mean) add_head(run, s, &t, seen);
            if (seen && s->mass) add_mass(s, &t, strip->first);
            if (seen && s->cells) add_cells(run, s, &t, strip, first_row);
            key = t.end;
        }
    }
}

static void map_columns(void *const context, const int64_t index, const int32_t worker) {
    const map_run *const run = context;
    const ck_attention_problem *const p = run->call.problem;
    const ck_attention_maps *const m = run->maps;
    const map_scratch *const s = &run->scratch[worker];
    const int64_t heads = m->head_mean ? 1 : p->heads, rest = index / run->plan.strips;
    map_strip strip = {.batch = rest / heads,
                       .head = rest % heads,
                       .first = m->first_key + index % run->plan.strips * run->plan.strip_keys};
    strip.end = ck_min(strip.first + run->plan.strip_keys, m->first_key + m->keys);
    strip.first_head = strip.head;
    strip.end_head = m->head_mean ? p->heads : strip.head + 1;
    for (int64_t j = 0; s->mass && j < strip.end - strip.first; ++j) s->mass[j] = 0;
    const int64_t end = m->first_query + m->queries;
    for (int64_t first = m->first_query; first < end; first += run->plan.band_rows) {
        const int64_t band_end = ck_min(first + run->plan.band_rows, end);
        for (int64_t i = 0; s->cells && i < run->plan.cells; ++i) s->cells[i] = 0;
        for (int64_t row = first; row < band_end; row += run->plan.tile_rows) {
            map_tile rows = {.batch = strip.batch, .row = row};
            rows.rows = ck_min(run->plan.tile_rows, band_end - row);
            strip_tiles(run, s, &strip, &rows, first);
        }
        if (s->cells) store_cells(run, s, &strip, first, band_end - first);
    }
    const double share = 1.0 / (double)(strip.end_head - strip.first_head);
    for (int64_t j = 0; s->mass && j < strip.end - strip.first; ++j)
        *ck_at(&m->column_mass, strip.batch, strip.head, strip.first + j - m->first_key) =
            (float)(s->mass[j] * share);
}

// --- The entry points ---------------------------------------------------------------------------

static ck_status prepare(const ck_attention_problem *const problem, const ck_attention_maps *const maps,
                         const ck_options *const options, const ck_check check, ck_options *const resolved,
                         ck_attention_call *const call, size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_status status = ck_maps_validate(problem, maps, check, diagnosis);
    if (status == CK_OK) status = ck_options_resolve(options, resolved, diagnosis);
    if (status != CK_OK) return status;
    *call = (ck_attention_call){
        .problem = problem, .ops = ck_ops_for(resolved->isa), .threads = resolved->threads};
    ck_arena arena = {0};
    layout(call, maps, &arena);
    *bytes = arena.used;
    if (!arena.overflow) return CK_OK;
    *diagnosis = (ck_diagnosis){.argument = CK_ARG_WORKSPACE, .dimension = -1, .expected = INT64_MAX};
    return CK_SIZE_OVERFLOW;
}

ck_status ck_attention_map_workspace(const ck_attention_problem *const problem,
                                     const ck_attention_maps *const maps, const ck_options *const options,
                                     size_t *const bytes, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused;
    ck_options resolved;
    ck_attention_call call;
    return prepare(problem, maps, options, CK_CHECK_LAYOUT, &resolved, &call, bytes,
                   diagnosis ? diagnosis : &unused);
}

ck_status ck_attention_map(const ck_attention_problem *const problem, const ck_attention_maps *const maps,
                           const ck_options *const options, ck_diagnosis *const diagnosis) {
    ck_diagnosis unused, *const told = diagnosis ? diagnosis : &unused;
    ck_options resolved;
    ck_attention_call call;
    size_t bytes;
    ck_status status =
        prepare(problem, maps, options, CK_CHECK_LAYOUT_AND_POINTERS, &resolved, &call, &bytes, told);
    if (status != CK_OK) return status;
    ck_arena arena;
    void *owned;
    status = ck_workspace_open(&resolved, bytes, &arena, &owned, told);
    if (status != CK_OK) return status;
    map_run run = layout(&call, maps, &arena);
    ck_parallel_for(run.plan.row_tasks, run.plan.threads, map_rows, &run);
    ck_parallel_for(run.plan.column_tasks, run.plan.threads, map_columns, &run);
    free(owned);
    return CK_OK;
}
