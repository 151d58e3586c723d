import CKernels

/// What a call on a cache adds to a problem: where its pages lie and the rows to append. The cache and the tensors of
/// the rows are kept alive by whoever makes the call.
struct CacheInput {
    /// The new rows of one operand.
    struct NewRows {
        let start: UnsafeRawPointer?
        let count: Int
        let format: MatrixFormat
        let layout: AttentionLayout

        var cOperand: ck_operand {
            ck_operand(UnsafeMutableRawPointer(mutating: start), count, format, layout)
        }
    }

    /// The scales of keys or values of 8 bits: a number a key, or a column.
    struct Scales {
        let start: UnsafeMutablePointer<Float>
        let count: Int
        let layout: AttentionLayout
        let areOfColumns: Bool

        var cScales: ck_kv_scales {
            ck_kv_scales(
                kind: areOfColumns ? .CK_SCALES_BY_COLUMN : .CK_SCALES_BY_KEY,
                values: ck_operand(UnsafeMutableRawPointer(start), count, .float32, layout))
        }
    }

    /// The pages of a paged cache.
    struct Pages {
        let length: Int
        let poolCount: Int
        let table: UnsafePointer<Int32>
        let tableCount: Int
        let countPerSequence: Int
    }

    var pages: Pages?
    var scales: (key: Scales, value: Scales)?
    var newRows: (key: NewRows, value: NewRows)?

    func set(_ problem: inout ck_attention_problem) {
        if let pages {
            problem.pages = ck_kv_pages(
                page_keys: Int64(pages.length), pool_pages: Int64(pages.poolCount), table: pages.table,
                table_count: Int64(pages.tableCount), table_stride: Int64(pages.countPerSequence),
                table_pages: Int64(pages.countPerSequence))
        }
        if let scales {
            problem.k_scales = scales.key.cScales
            problem.v_scales = scales.value.cScales
        }
        if let newRows {
            problem.append = ck_kv_append(
                count: Int64(newRows.key.layout.length), k: newRows.key.cOperand, v: newRows.value.cOperand)
        }
    }
}
