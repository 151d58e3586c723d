// How a GEMM is cut. A task owns a part of C's rows and a strip of its columns, packs the strip of B it
// needs for itself, one block of K at a time, and shares nothing: there is no barrier, and packing twice
// costs 4 cycles a vector beside half a cycle for each row it then serves.
//
// KC is no choice of the plan: it decides bits (numerics.h). A division takes as long as hundreds of FMAs, so
// the plan of a small product has none.
#include "plan.h"

#include "gemm_stored.h"
#include "numerics.h"
#include "ops.h"
#include "problem.h"

// Below twice this a second thread is not worth waking: 48^3 took 1.24 us on two and 0.99 on one, 64^3 1.88
// and 2.26.
#define MIN_FLOPS_PER_THREAD 250000.0
// Floats over which a B whose lines are a page apart may lie and still be read in place: it stays in L2.
// Lines a page apart share one set of L1 and a few of L2, and a block of K of them would push itself out; all
// others are read in place however many there are, which was 2 to 9 % faster than packing them. So is any B
// of up to CK_GEMM_NATURAL_ROWS rows, which come back to a line at most four times.
#define LARGEST_UNPACKED 270000
#define PAGE_BYTES 4096
// Lines that few rows ask for ahead: of a page each, which nothing else looks beyond, from a cache (8 to 32
// were alike) and from memory; other lines of a cache come by themselves.
#define LINES_AHEAD 16
#define LINES_AHEAD_MEMORY 96
// Floats from which B comes from memory if no larger cache is known, and for a product of a few rows that
// packs it in lines, or streams lines of a page past its sums.
#define STREAMED 4000000
// Columns of a GEMV's strip: its sums (8 KB a row) stay in L1.
#define GEMV_STRIP 2048
// Rows of a part at most: the strip of C that such rows have, 1.5 MB, waits in L3 for its next block of K
// (4096^3 1.01 times as fast, on two threads 1.00 to 1.02; 1024 rows 0.99, 512 0.98).
#define MOST_PART_ROWS 2048
// Bytes of B that are worth a second thread where few rows read them: 1.5 us at the rate of L3.
#define MIN_BYTES_PER_THREAD 200000.0
// Rows up to which a large B that is not of floats is packed a few lines at a time, and what natural tiles of
// few rows are high. Floats of the sums that lines stream past: 32 KB of L1; half of that, and as much for
// the packed lines, where these are packed.
#define THIN_ROWS 8
#define THIN_SUMS 8192
#define THIN_PACKED_COLUMNS 512
// Lines of a thin B that meet the sums at a time, which are as many streams. Wide panels take more, from L2,
// where as many are fetched behind them: 64 x 512 floats, of which a page each, are an eighth of it.
#define THIN_LINES 8
#define THIN_WIDE_LINES 64
#define THIN_WIDE_COLUMNS 512

int64_t ck_gemm_unit(const ck_ops *const ops, const ck_gemm_plan *const plan) {
    return plan->path == CK_GEMM_GEMV ? ops->lanes : ops->gemm_panel;
}

ck_gemm_kind ck_gemm_kind_of(const ck_ops *const ops, const ck_dtype a, const ck_dtype b) {
    if (a == CK_I8) return ops->multiplies_i8 ? CK_GEMM_I8 : CK_GEMM_I16;
    const bool in_pairs = a == CK_BF16 && (b == CK_BF16 || ck_is_quantised(b)) && ops->multiplies_bf16;
    return in_pairs ? CK_GEMM_BF16 : CK_GEMM_F32;
}

static ck_gemm_kind kind_of(const ck_ops *const ops, const ck_gemm_shape *const s) {
    return s->scaled && s->k > 0 ? CK_GEMM_SCALED : ck_gemm_kind_of(ops, s->a_dtype, s->b_dtype);
}

static int64_t words_of(const ck_gemm_shape *const s, const ck_gemm_kind kind) {
    return ck_gemm_words(kind, s->k);
}

static int64_t lanes_of(const ck_ops *const ops, const int64_t columns) {
    return ck_round_to_lanes(ck_max(columns, 1), ops->lanes);
}

static bool stores_rows(const ck_gemm_shape *const s) {
    return s->plain && s->c_column_stride == 1 && s->c_dtype == CK_F32;
}

// Cycles, to compare A B with (B^T A^T)^T: FMAs on whole vectors; 5 a vector to transpose what does not
// lie along the lanes, of the operand in panels and of C.
static double cost_of(const ck_ops *const ops, const ck_gemm_shape *const s, const bool exchanged) {
    const double vectors = 1.0 / ops->lanes, m = (double)s->m, n = (double)s->n,
                 k = (double)words_of(s, kind_of(ops, s));
    double cost = m * k * (double)lanes_of(ops, s->n) * vectors / 2;
    cost += k * n * vectors * (s->b_column_stride == 1 ? 1 : 5);
    if (s->a_k_stride != 1) cost += m * k * vectors * 2;
    if (exchanged) return stores_rows(s) ? cost : cost + m * n * vectors * 6;
    return s->c_column_stride == 1 ? cost : cost + m * n * vectors * 20;
}

// Whether B, not packed and of floats, streams past so few rows in registers.
static bool is_vectors(const ck_gemm_shape *const s) {
    if (s->b_column_stride == 1) return s->m <= CK_GEMV_ROWS;
    return s->b_k_stride == 1 && s->m <= CK_GEMV_ROWS_ALONG;
}

// Sums that must be transposed lie in scratch beside a copy of A^T for all of K: for a narrow C^T only.
static bool better_exchanged(const ck_ops *const ops, const ck_gemm_shape *const s) {
    if (s->packed_b || s->a_dtype == CK_I8 || ck_is_quantised(s->b_dtype)) return false;
    // Everything lies along the lanes and fills them.
    if (s->m > CK_GEMV_ROWS && s->b_column_stride == 1 && s->c_column_stride == 1 && s->a_k_stride == 1 &&
        s->n == lanes_of(ops, s->n))
        return false;
    const ck_gemm_shape other = ck_gemm_exchange(s);
    if (is_vectors(s) || is_vectors(&other)) return is_vectors(&other) && (s->n < s->m || !is_vectors(s));
    if (s->m > ops->gemm_panel && !stores_rows(&other)) return false;
    return cost_of(ops, &other, true) < cost_of(ops, s, false);
}

typedef struct {
    int64_t strips, parts;
} grid;

// Strips as wide as L2 likes; then as many strips and parts as employ all threads equally: exactly one
// task a thread where the work is short, else about four, so that a disturbed thread can be helped.
static grid grid_of(const ck_ops *const ops, const ck_gemm_shape *const s, const ck_gemm_plan *const plan,
                    const int64_t columns_limit, const double flops) {
    const int64_t unit = ck_gemm_unit(ops, plan), threads = plan->threads;
    if (threads == 1 && s->n <= columns_limit) return (grid){.strips = 1, .parts = 1};
    const int64_t panels = ck_max(1, ck_ceil_div(s->n, unit));
    const int64_t least = ck_ceil_div(panels, ck_max(1, columns_limit / unit));
    const bool has_parts = plan->path == CK_GEMM_TILES || plan->kind == CK_GEMM_SCALED;
    const int64_t rows = has_parts ? ck_ceil_div(s->m, ops->gemm_rows) : 1;
    const int64_t least_parts = has_parts ? ck_max(1, ck_ceil_div(s->m, MOST_PART_ROWS)) : 1;
    const int64_t goal = flops < 2e7 * (double)threads ? threads : 4 * threads;
    if (threads == 1) return (grid){.strips = least, .parts = least_parts};
    grid best = {0};
    double best_cost = 0;
    // Fetching B from L3 or beyond takes as long as multiplying it by so many rows; packing it, by fewer.
    const double of_b = s->packed_b ? 24 : 4;
    const int64_t most = ck_min(panels, least + (s->packed_b ? 16 : 2) * threads);
    for (int64_t strips = least; strips <= most; ++strips) {
        int64_t parts = ck_max(least_parts, ck_ceil_div(goal, strips * s->batch));
        while (parts < rows && strips * parts * s->batch % threads != 0 && parts * strips < 2 * goal) ++parts;
        parts = ck_min(parts, ck_max(1, rows));
        const double width = (double)ck_min(s->n, ck_ceil_div(panels, strips) * unit);
        const double height = (double)ck_min(s->m, ck_ceil_div(ck_max(rows, 1), parts) * ops->gemm_rows);
        const double rounds = (double)ck_ceil_div(strips * parts * s->batch, threads);
        // The last two terms: packing B anew in each task, and fetching A for each strip.
        const double cost = rounds * width * height * (1 + of_b / (height + 1) + 8 / (width + 1));
        if (best.strips == 0 || cost < 0.99 * best_cost) {
            best = (grid){.strips = strips, .parts = parts};
            best_cost = cost;
        }
    }
    return best;
}

static int64_t reach_of_b(const ck_gemm_shape *const s) {
    return s->k * ck_max(s->b_k_stride, -s->b_k_stride);
}

// Whether tiles may read lines of floats `stride` apart where they lie, `reach` floats in all.
static bool are_apart(const int64_t stride, const int64_t reach) {
    return stride * (int64_t)sizeof(float) % PAGE_BYTES != 0 || reach <= LARGEST_UNPACKED;
}

static bool is_from_memory(const ck_gemm_shape *const s) {
    return s->n * s->k > ck_max(ck_machine_info()->l3_bytes / (int64_t)sizeof(float), STREAMED);
}

// Rows up to which tiles read B where it lies whatever its lines are. Each tile fetches its part of a line
// anew: four cache lines of AVX-512, of other ISAs one, which serves two tiles from a cache, and none from
// memory.
static int64_t natural_rows(const ck_ops *const ops, const ck_gemm_shape *const s) {
    if (ops->gemm_panel >= 64) return CK_GEMM_NATURAL_ROWS;
    return is_from_memory(s) ? 0 : THIN_ROWS;
}

static bool reads_in_place(const ck_ops *const ops, const ck_gemm_shape *const s) {
    return s->b_dtype == CK_F32 && (are_apart(s->b_k_stride, reach_of_b(s)) || s->m <= natural_rows(ops, s));
}

// Of wide panels, what tiles of few rows fit is read faster by them.
static bool is_thin(const ck_ops *const ops, const ck_gemm_shape *const s) {
    if (s->b_column_stride != 1 || s->m > CK_GEMM_NATURAL_ROWS) return false;
    if (s->b_dtype != CK_F32) return s->m <= THIN_ROWS && reach_of_b(s) > STREAMED;
    if (is_from_memory(s) && (ops->gemm_panel >= 64 || s->m <= THIN_ROWS)) return true;
    const bool fits = s->m <= natural_rows(ops, s) && (s->m <= THIN_ROWS || s->m % THIN_ROWS == 0);
    return !fits && reach_of_b(s) > STREAMED && !are_apart(s->b_k_stride, reach_of_b(s));
}

static ck_gemm_path path_of(const ck_ops *const ops, const ck_gemm_shape *const s, const ck_gemm_kind kind) {
    if (ck_is_stored(kind, s->b_dtype, s->packed_b) && s->k > 0 &&
        (s->m <= CK_STORED_ROWS || kind == CK_GEMM_SCALED))
        return CK_GEMM_STORED;
    if (s->packed_b || s->k == 0 || ck_gemm_is_integer(kind) || ck_is_quantised(s->b_dtype))
        return CK_GEMM_TILES;
    if (is_vectors(s)) return CK_GEMM_GEMV;
    return is_thin(ops, s) ? CK_GEMM_THIN : CK_GEMM_TILES;
}

// Whether two vectors of columns along k go beside each other: as many more chains for a core that is waiting
// for them, as it is on a cache, but not for memory, which serves sixteen streams better than twice as many.
// More than sixteen columns a page apart push each other out of L1, which one row alone makes up for.
static bool goes_beside(const ck_ops *const ops, const ck_gemm_shape *const s, const ck_gemm_path path) {
    const int64_t bytes = ck_element_bytes(s->b_dtype), step = s->b_column_stride * bytes;
    if (path != CK_GEMM_GEMV || s->b_column_stride == 1 || s->m > CK_GEMV_ROWS_BESIDE) return false;
    const bool fits = step % PAGE_BYTES != 0 || s->b_dtype != CK_F32 || CK_GEMV_SIDES * ops->lanes <= 16;
    return (fits || s->m == 1) && s->n * s->k * bytes <= ck_machine_info()->l3_bytes;
}

// A strip of B takes 3/8 of L2, A and C stream through the rest.
static int64_t tile_columns(void) {
    return ck_machine_info()->l2_bytes * 3 / 8 / (CK_GEMM_KC * (int64_t)sizeof(float));
}

static int64_t lines_ahead(const ck_gemm_shape *const s) {
    if (s->m > CK_GEMM_NATURAL_ROWS) return 0;
    if (is_from_memory(s)) return LINES_AHEAD_MEMORY;
    return are_apart(s->b_k_stride, reach_of_b(s)) ? 0 : LINES_AHEAD;
}

// Whether fetching the next block of K of a B that is read in place is spread over the tiles that stand below
// each other: those of the first row would wait for it, which is seen until there are many rows, that is
// until A pushes out what was fetched (M = 100 on 2000 x 2000 1.1 times as fast, 197 on 3072 x 768 1.02; 2048
// 0.94). A smaller B comes in time by itself (128 x 768 x 768 0.98).
#define NEXT_BLOCK_ROWS 256
static bool fetches_next(const ck_gemm_shape *const s, const int64_t part_rows) {
    return part_rows > CK_GEMM_NATURAL_ROWS && part_rows <= NEXT_BLOCK_ROWS &&
           s->n * s->k * (int64_t)sizeof(float) > 4 * ck_machine_info()->l2_bytes;
}

static bool goes_wide(const ck_ops *const ops, const ck_gemm_shape *const s) {
    return s->b_dtype == CK_F32 && ops->gemm_panel >= 64;
}

static int64_t thin_columns(const ck_ops *const ops, const ck_gemm_shape *const s) {
    if (goes_wide(ops, s)) return THIN_WIDE_COLUMNS;
    const int64_t columns = THIN_SUMS / s->m;
    return s->b_dtype == CK_F32 ? columns : ck_min(columns / 2, THIN_PACKED_COLUMNS);
}

// Columns of a strip at most. Of others than tiles, its sums stay in L1.
static int64_t strip_limit(const ck_ops *const ops, const ck_gemm_shape *const s,
                           const ck_gemm_plan *const plan) {
    const int64_t unit = ck_gemm_unit(ops, plan);
    int64_t columns = tile_columns();
    if (plan->path == CK_GEMM_GEMV || plan->path == CK_GEMM_STORED) columns = GEMV_STRIP;
    if (plan->path == CK_GEMM_THIN) columns = thin_columns(ops, s);
    return plan->threads == 1 && s->n <= columns ? columns : ck_max(unit, columns / unit * unit);
}

static void take_scratch(const ck_ops *const ops, const ck_gemm_shape *const s, ck_gemm_plan *const plan) {
    const int64_t kc = ck_max(1, ck_min(s->k, ck_gemm_kc(plan->kind)));
    // Of rows of words, a vector more than they are long.
    if (plan->packs_a) plan->scratch_a = (ck_gemm_lines(plan->kind, kc) + ops->lanes) * CK_GEMM_A_ROWS;
    const int64_t waiting = plan->transposes_c || plan->rows_outside ? CK_GEMM_A_ROWS : plan->part_rows;
    if (plan->transposes_c || plan->keeps_sums) plan->scratch_c = waiting * plan->strip_columns;
    if (plan->path == CK_GEMM_GEMV || plan->path == CK_GEMM_THIN)
        plan->scratch_sums = s->m * plan->strip_columns;
    const bool is_stored = ck_is_stored(plan->kind, s->b_dtype, s->packed_b);
    if (is_stored && !s->packed_b) plan->scratch_stored = ck_stored_bytes(s->b_dtype, ops->gemm_panel, kc);
    if (plan->path == CK_GEMM_GEMV || plan->path == CK_GEMM_STORED || (s->packed_b && !is_stored)) return;
    // The edge of B may have to be packed where the rest is read in place.
    const bool is_whole = ops->reads_edges || (s->n == lanes_of(ops, s->n) && !s->or_smaller);
    const int64_t edge = is_whole ? 0 : ops->gemm_panel;
    const int64_t lines = plan->path == CK_GEMM_THIN && plan->packs_b
                              ? plan->thin_lines
                              : ck_gemm_panel_lines(plan->kind, ck_max(1, plan->rows_outside ? s->k : kc));
    plan->scratch_b = lines * (plan->packs_b ? plan->strip_columns : edge);
}

ck_gemm_shape ck_gemm_problem_shape(const ck_gemm_problem *const p) {
    return (ck_gemm_shape){.batch = p->batch,
                           .m = p->m,
                           .n = p->n,
                           .k = p->alpha != 0 ? p->k : 0,
                           .a_row_stride = p->a.row_stride,
                           .a_k_stride = p->a.column_stride,
                           .b_k_stride = p->b.row_stride,
                           .b_column_stride = p->b.column_stride,
                           .c_row_stride = p->c.row_stride,
                           .c_column_stride = p->c.column_stride,
                           .a_dtype = p->a.dtype,
                           .b_dtype = p->b.dtype,
                           .c_dtype = p->c.dtype,
                           .packed_b = p->packed_b != NULL,
                           .scaled = p->arithmetic == CK_ARITHMETIC_INT16,
                           .plain = ck_gemm_is_plain(&p->epilogue)};
}

static bool is_block(const ck_ops *const ops, const ck_gemm_shape *const s, const ck_gemm_plan *const plan) {
    const bool reads_b = !s->packed_b && !plan->packs_b && (ops->reads_edges || s->n == lanes_of(ops, s->n));
    return plan->path == CK_GEMM_TILES && plan->kind == CK_GEMM_F32 && plan->strips == 1 &&
           plan->parts == 1 && s->k > 0 && s->k <= CK_GEMM_KC && reads_b && plan->lines_ahead == 0 &&
           !plan->packs_a && !plan->exchanged && stores_rows(s);
}

ck_gemm_plan ck_plan_gemm(const ck_ops *const ops, const ck_gemm_shape *const shape, const int32_t threads) {
    ck_gemm_shape exchanged;
    ck_gemm_plan plan = {.exchanged = better_exchanged(ops, shape)};
    if (plan.exchanged) exchanged = ck_gemm_exchange(shape);
    const ck_gemm_shape *const s = plan.exchanged ? &exchanged : shape;
    plan.kind = kind_of(ops, s);
    if (plan.kind == CK_GEMM_SCALED) plan.scaled_blocks = s->batch * s->m * (s->k / CK_QUANT_BLOCK);
    const double flops =
        2.0 * (double)s->batch * (double)s->m * (double)s->n * (double)words_of(s, plan.kind);
    plan.path = path_of(ops, s, plan.kind);
    plan.beside = goes_beside(ops, s, plan.path);
    plan.thin_lines = goes_wide(ops, s) ? THIN_WIDE_LINES : THIN_LINES;
    double worth = flops / MIN_FLOPS_PER_THREAD;
    if (plan.path == CK_GEMM_GEMV)
        worth = (double)s->batch * (double)s->n * (double)s->k * (double)ck_element_bytes(s->b_dtype) /
                MIN_BYTES_PER_THREAD;
    plan.threads = worth < 2 ? 1 : worth < threads ? (int32_t)worth : threads;

    const bool in_rows = stores_rows(s) || (plan.path == CK_GEMM_GEMV && s->m <= CK_GEMV_ROWS);
    plan.transposes_c = plan.exchanged && (!s->plain || s->c_dtype != CK_F32 || !in_rows);
    plan.keeps_sums =
        !plan.transposes_c && !ck_gemm_holds_sums(s->c_dtype, plan.kind) && s->k > ck_gemm_kc(plan.kind);
    const int64_t unit = ck_gemm_unit(ops, &plan);
    const grid cut = grid_of(ops, s, &plan, strip_limit(ops, s, &plan), flops);
    plan.strips = cut.strips;
    plan.parts = cut.parts;
    if (plan.strips == 1 && plan.parts == 1) {
        plan.strip_columns = s->n <= unit ? unit : ck_ceil_div(s->n, unit) * unit;
        plan.part_rows = s->m;
    } else {
        plan.strip_columns = ck_ceil_div(ck_max(1, ck_ceil_div(s->n, unit)), plan.strips) * unit;
        plan.part_rows =
            ck_min(s->m, ck_ceil_div(ck_ceil_div(s->m, ops->gemm_rows), plan.parts) * ops->gemm_rows);
    }

    const bool in_place = s->b_column_stride == 1 && s->b_dtype == CK_F32 &&
                          (plan.path == CK_GEMM_THIN || reads_in_place(ops, s));
    if (in_place && plan.path == CK_GEMM_TILES) {
        plan.lines_ahead = lines_ahead(s);
        plan.fetches_next = fetches_next(s, plan.part_rows);
    }
    if (plan.path == CK_GEMM_THIN) plan.fetches_next = goes_wide(ops, s);
    const bool is_stored = ck_is_stored(plan.kind, s->b_dtype, s->packed_b);
    plan.packs_b =
        plan.path != CK_GEMM_GEMV && plan.path != CK_GEMM_STORED && (!s->packed_b || is_stored) && !in_place;
    // All blocks but the last are of KC k.
    const int64_t kc = ck_gemm_kc(plan.kind);
    const int64_t last = s->k <= kc ? s->k : s->k % kc;
    plan.packs_a = s->k > 0 && (!ck_gemm_reads_a(&plan, s->a_dtype, s->a_k_stride, ck_min(s->k, kc)) ||
                                !ck_gemm_reads_a(&plan, s->a_dtype, s->a_k_stride, last));
    // Rows that are read along K in one go are streams that the machine follows, and C stays in L1.
    const int64_t l2_floats = ck_machine_info()->l2_bytes / 2 / (int64_t)sizeof(float);
    plan.rows_outside =
        plan.path == CK_GEMM_TILES &&
        (plan.transposes_c || (s->k > kc && words_of(s, plan.kind) * plan.strip_columns <= l2_floats));
    plan.is_block = is_block(ops, s, &plan);
    plan.near = plan.path == CK_GEMM_TILES && plan.kind == CK_GEMM_F32 && s->k <= kc && !s->packed_b &&
                plan.lines_ahead == 0 && !plan.fetches_next && !plan.rows_outside &&
                ck_gemm_is_near(plan.part_rows, s->k);
    take_scratch(ops, s, &plan);
    return plan;
}

// Asked for, the rows below push B and each other out of L1: 512 x 16 x 512 0.88 of its rate, 256 x 16 x 256
// 0.91. From memory 4096 x 16 x 4096 has 0.64 unasked.
bool ck_gemm_a_comes(const ck_ops *const ops, const int64_t m, const int64_t n, const int64_t k) {
    return n <= ops->lanes && m * k * (int64_t)sizeof(float) <= ck_machine_info()->l3_bytes;
}

// What asking and being ready for more costs is 8 to 10 % of 16^3 and 32^3, 3 to 6 % of 100^3, 1 to 2 % of
// 192^3 and 256 x 64 x 512. 512 x 16 x 512, whose A is all of L2, loses 3 % unasked.
bool ck_gemm_is_near(const int64_t m, const int64_t k) {
    return m * k * (int64_t)sizeof(float) <= ck_machine_info()->l2_bytes / 2;
}

// One task on one thread.
static bool is_alone(const ck_ops *const ops, const ck_gemm_problem *const p, const int32_t threads) {
    const double flops = 2.0 * (double)p->batch * (double)p->m * (double)p->n * (double)p->k;
    return (threads == 1 || flops < 2 * MIN_FLOPS_PER_THREAD) &&
           (p->n <= ops->gemm_panel || p->n <= tile_columns());
}

static bool suits_block(const ck_ops *const ops, const ck_gemm_problem *const p) {
    if (p->b.column_stride != 1 || p->m <= CK_GEMV_ROWS) return false;
    const bool is_whole = p->n == lanes_of(ops, p->n);
    if (is_whole && p->k * ck_max(p->b.row_stride, -p->b.row_stride) <= LARGEST_UNPACKED) return true;
    const ck_gemm_shape s = ck_gemm_problem_shape(p);
    return (is_whole || ops->reads_edges) && !better_exchanged(ops, &s) &&
           path_of(ops, &s, CK_GEMM_F32) == CK_GEMM_TILES && reads_in_place(ops, &s) && lines_ahead(&s) == 0;
}

static bool suits_packing(const ck_ops *const ops, const ck_gemm_problem *const p) {
    if (p->b.row_stride != 1 || p->b.column_stride == 1 || p->m <= CK_GEMV_ROWS_ALONG) return false;
    const int64_t width = ops->gemm_panel, columns = p->n <= width ? width : p->n + width - 1;
    if (columns * p->k * (int64_t)sizeof(float) > CK_GEMM_STACK_BYTES) return false;
    const ck_gemm_shape s = ck_gemm_problem_shape(p);
    return !better_exchanged(ops, &s);
}

ck_gemm_block_way ck_gemm_block_way_of(const ck_ops *const ops, const ck_gemm_problem *const p,
                                       const int32_t threads) {
    if (p->a.column_stride != 1 || p->c.column_stride != 1 || p->k > CK_GEMM_KC || p->alpha == 0 ||
        !is_alone(ops, p, threads))
        return CK_GEMM_NO_BLOCK;
    if (suits_block(ops, p)) return CK_GEMM_BLOCK;
    return suits_packing(ops, p) ? CK_GEMM_BLOCK_PACKED : CK_GEMM_NO_BLOCK;
}
